"""Values that change with the epoch: a number, straight lines between knots, or a function of the epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from dali_mixup._checks import called, number, takes

Curve = float | Sequence[tuple[float, float]] | Callable[[float], float]
"""A number; knots ((epoch, value), ...) joined by straight lines and constant outside; or a function of the epoch."""

_FORMS = "expected a number, ((epoch, value), ...) or a function of the epoch"


def checked_curve(field: str, curve: Any) -> Any:
    """The curve with plain numbers in tuples; TypeError or ValueError for anything else."""
    most = 1 if field == "prob" else None
    if callable(curve):
        takes(f"Schedule: {field}={curve!r}", curve, "epoch", expected=_FORMS)
    if curve is None or callable(curve):
        return curve
    if isinstance(curve, Real) and not isinstance(curve, bool):
        return number("Schedule", field, curve, at_least=0, at_most=most)
    try:
        pairs = [(epoch, height) for epoch, height in curve]
    except (TypeError, ValueError) as error:
        raise type(error)(f"Schedule: {field}={curve!r} is not a curve; {_FORMS}") from error
    knots = tuple(
        (
            number("Schedule", f"{field}: epoch of a knot", epoch, at_least=0),
            number("Schedule", f"{field}: value of a knot", height, at_least=0, at_most=most),
        )
        for epoch, height in pairs
    )
    at = [epoch for epoch, _ in knots]
    if not at or at != sorted(at):
        raise ValueError(
            f"Schedule: {field}: the knots {curve!r} must be in order of epoch, with at least one"
        )
    return knots


def value(curve: Curve, epoch: int, name: str) -> float:
    """The curve's value in an epoch. TypeError, ValueError where a function gives anything but a number >= 0."""
    if callable(curve):
        what = f"schedule.{name} in epoch {epoch}"
        given: Any = called(f"MixPolicy: {what}, {curve!r}", curve, epoch)
        if getattr(given, "ndim", None) == 0:
            given = given.item()  # an array or tensor of one number
        return number("MixPolicy", what, given, at_least=0)
    return float(between(knots_of(curve), epoch))


def knots_of(curve: float | Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """The knots of a curve that is no function; a number is a single one."""
    return curve if isinstance(curve, Sequence) else ((0.0, curve),)


def between(knots: Sequence[tuple[float, float]], epochs: Any) -> Any:
    """The heights at some epochs of the straight lines between knots."""
    at, heights = zip(*knots, strict=True)
    return np.interp(epochs, at, heights)
