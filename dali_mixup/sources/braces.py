"""Shell braces in names of shards, such as train-{0000..0127}.tar, as in webdataset and timm."""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_NAMES = 1_000_000

_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?")
_LETTERS = re.compile(r"([a-z])\.\.([a-z])(?:\.\.(-?\d+))?|([A-Z])\.\.([A-Z])(?:\.\.(-?\d+))?")


def expanded(pattern: str) -> list[str]:
    """The names that a pattern denotes, by the rules of a shell; without braces, the pattern itself.

    `{a,b}` gives each part in turn, `{00..12}` and `{0..12..4}` the numbers from the first to the last, padded with
    zeros if either is, `{a..f}` the letters between two of one case. Other braces stay as they are.

    Args:
        pattern: the text; braces may be nested.

    Raises:
        ValueError: more than a million names.
    """
    names = []
    for name in _expanded(pattern):
        names.append(name)
        if len(names) > MOST_NAMES:
            raise ValueError(f"the pattern {pattern!r} expands to more than {MOST_NAMES} names")
    return names


def _expanded(pattern: str) -> Iterator[str]:
    for start, stop in _pairs(pattern):
        alternatives = _alternatives(pattern[start + 1 : stop])
        if alternatives is not None:
            for middle in alternatives:
                for tail in _expanded(pattern[stop + 1 :]):
                    yield pattern[:start] + middle + tail
            return
    yield pattern


def _pairs(pattern: str) -> Iterator[tuple[int, int]]:
    """Positions at which braces open and close again, from the left."""
    for start in (at for at, letter in enumerate(pattern) if letter == "{"):
        depth = 0
        for at in range(start, len(pattern)):
            depth += {"{": 1, "}": -1}.get(pattern[at], 0)
            if not depth:
                yield start, at
                break


def _alternatives(inside: str) -> Iterator[str] | None:
    """The expansion of a pair of braces; None if it stands for itself."""
    if numbers := _RANGE.fullmatch(inside):
        return _numbers(*numbers.groups())
    if letters := _LETTERS.fullmatch(inside):
        first, last, step = letters.groups()[:3] if letters[1] else letters.groups()[3:]
        return (chr(number) for number in _range(ord(first), ord(last), step))
    parts = _parts(inside)
    return (name for part in parts for name in _expanded(part)) if len(parts) > 1 else None


def _numbers(first: str, last: str, step: str | None) -> Iterator[str]:
    width = max(len(first), len(last)) if any(re.match(r"-?0\d", text) for text in (first, last)) else 0
    return (f"{number:0{width}d}" for number in _range(int(first), int(last), step))


def _range(start: int, stop: int, step: str | None) -> range:
    stride = abs(int(step or 1)) or 1
    return range(start, stop + 1, stride) if start <= stop else range(start, stop - 1, -stride)


def _parts(inside: str) -> list[str]:
    """The text split at the commas that are not in inner braces."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(inside):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append(inside[start:at])
            start = at + 1
    return [*parts, inside[start:]]
