"""Successive halving (Jamieson & Talwalkar 2016, arXiv 1502.07943): many candidates briefly, the good ones longer."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from dali_mixup._checks import integer

Candidate = TypeVar("Candidate", bound=Hashable)


def rounds(candidates: int, budget: int) -> list[tuple[int, int]]:
    """(number of candidates, batches for each) of every round.

    Half of the candidates, rounded up, goes on to the next round, until one is left after the last; each round spends
    about the same share of `budget`, a number of batches, and every candidate at least one batch.
    """
    integer("rounds", "candidates", candidates, at_least=1)
    integer("rounds", "budget", budget, at_least=1)
    sizes = [candidates]
    while sizes[-1] > 2:
        sizes.append(math.ceil(sizes[-1] / 2))
    return [(size, max(1, budget // (len(sizes) * size))) for size in sizes]


def best(
    candidates: Sequence[Candidate], budget: int, rate: Callable[[Candidate, int], float]
) -> tuple[Candidate, list[dict[Candidate, float]]]:
    """The winning candidate, and the measurements of each round.

    Args:
        candidates: without duplicates, at least one.
        budget: total number of batches to spend.
        rate: rate(candidate, batches) measures it; higher is better; -inf takes it out.

    Raises:
        ValueError: no candidate could be measured.
    """
    left, history = list(candidates), []
    for size, batches in rounds(len(left), budget):
        left = left[:size]
        measured = {candidate: rate(candidate, batches) for candidate in left}
        history.append(measured)
        left = sorted(left, key=lambda candidate: -measured[candidate])
        if measured[left[0]] == -math.inf:
            raise ValueError(f"none of {len(measured)} settings could be run")
    return left[0], history
