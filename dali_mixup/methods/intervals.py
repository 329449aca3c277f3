"""Validation of (low, high) parameters: every message gives the value and what was expected."""

from __future__ import annotations

from typing import Any

from dali_mixup._checks import integer, number


def interval(
    owner: str,
    name: str,
    given: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    strict: bool = False,
) -> tuple[float, float]:
    """`given` as two floats low <= high (low < high with strict=True) inside the bounds.

    Raises:
        TypeError: an end is not a number.
        ValueError: not two ends, out of bounds, or in the wrong order.
    """
    low, high = (
        number(owner, f"{name}[{i}]", end, above=above, at_least=at_least, at_most=at_most)
        for i, end in enumerate(_two(owner, name, given))
    )
    _ordered(owner, name, given, low, high, strict)
    return low, high


def integers(owner: str, name: str, given: Any, *, at_least: int) -> tuple[int, int]:
    """`given` as two integers at_least <= low <= high; errors as in `interval`."""
    low, high = (
        integer(owner, f"{name}[{i}]", end, at_least=at_least)
        for i, end in enumerate(_two(owner, name, given))
    )
    _ordered(owner, name, given, low, high, strict=False)
    return low, high


def _two(owner: str, name: str, given: Any) -> Any:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ValueError(f"{owner}: {name}={given!r}, expected two numbers (low, high)")
    return given


def _ordered(owner: str, name: str, given: Any, low: float, high: float, strict: bool) -> None:
    if low > high or (strict and low == high):
        raise ValueError(f"{owner}: {name}={given!r}, expected low {'<' if strict else '<='} high")
