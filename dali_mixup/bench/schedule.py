"""The order of the measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One measurement to make: a contender in a mode, at one point of the scaling curves, for the n-th time."""

    contender: str
    mode: str
    threads: int
    batch_size: int
    repeat: int


def points(threads: Sequence[int], batch_sizes: Sequence[int]) -> list[tuple[int, int]]:
    """(threads, batch size) of every point: the first of each list is the main one, and only one of the two changes at
    a time."""
    main = (threads[0], batch_sizes[0])
    return [main, *((t, main[1]) for t in threads[1:]), *((main[0], b) for b in batch_sizes[1:])]


def interleaved(
    contenders: Sequence[str], modes: Sequence[str], places: Sequence[tuple[int, int]], repeats: int
) -> list[Run]:
    """All contenders once, then all again: a slow spell of the machine affects all alike. Each repeat begins with
    another
    contender, so that none always follows the same one.

    Modes other than "loader" are run at the main point only; "synthetic", which needs no loader, once per repeat,
    under the first contender's name.
    """
    runs = []
    for repeat in range(repeats):
        for place in places:
            for mode in modes if place == places[0] else [mode for mode in modes if mode == "loader"]:
                turn = repeat % len(contenders)
                order = [*contenders[turn:], *contenders[:turn]] if mode != "synthetic" else contenders[:1]
                runs += [Run(name, mode, *place, repeat) for name in order]
    return runs
