"""A recipe's schedules for a run of another length: whatever counts epochs or steps is stretched with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dali_mixup._decide.curves import Curve
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.schedule import Schedule
from dali_mixup.augment.sizes import ImageSize, SizeSchedule


def stretched_policy(policy: MixPolicy, factor: float) -> MixPolicy:
    """The policy for a run `factor` times as long.

    Raises:
        ValueError: a curve that is a function, whose epochs are unknown.
    """
    if factor == 1:
        return policy
    schedules = tuple(_stretched(schedule, factor) for schedule in policy.schedules.members)
    return replace(policy, schedule=schedules or None)


def stretched_size(size: ImageSize, factor: float) -> ImageSize:
    """The image size for a run `factor` times as long."""
    if not isinstance(size, SizeSchedule):
        return size
    return replace(size, knots=tuple((epoch * factor, side) for epoch, side in size.knots))


def _stretched(schedule: Schedule, factor: float) -> Schedule:
    curves: dict[str, Any] = {
        "prob": _curve(schedule.prob, factor),
        "weights": _curves(schedule.weights, factor),
        "alpha": _curves(schedule.alpha, factor),
    }
    if schedule.total_epochs is not None:
        return replace(schedule, total_epochs=schedule.total_epochs * factor, **curves)
    stop = None if schedule.stop is None else schedule.stop * factor
    return replace(schedule, start=schedule.start * factor, stop=stop, **curves)


def _curves(curves: Sequence[Curve | None] | None, factor: float) -> tuple[Curve | None, ...] | None:
    return None if curves is None else tuple(_curve(curve, factor) for curve in curves)


def _curve(curve: Curve | None, factor: float) -> Curve | None:
    if callable(curve):
        raise ValueError(
            f"train: epochs= stretches the recipe's schedules, but {curve!r} is a function; give the curve as "
            "((epoch, value), ...), or leave out epochs="
        )
    if curve is None or isinstance(curve, (int, float)):
        return curve
    return tuple((epoch * factor, value) for epoch, value in curve)
