"""The epochs and steps in which mixing is on, and the values that change with the epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from dali_mixup._checks import choice, members, number
from dali_mixup._decide.curves import Curve, between, checked_curve, knots_of, value
from dali_mixup.methods import Method

Unit = Literal["epoch", "step", "fraction"]


@dataclass(frozen=True)
class Schedule:
    """Mixing is on from `start` until before `stop`; off means that images are bit-identical to those without mixing.

    It is a function of the batch's address, not a flag that is switched, so prefetched batches and resumed runs
    change at exactly the same batch.

    Args:
        start, stop: first position with mixing and first position without (None: never), 0 <= start < stop, in `unit`;
            fractions in [0, 1].
        unit: "epoch" (2.5 is the middle of the third epoch), "step" (counted over all epochs) or "fraction" of
            `total_epochs`. Positions that are not whole epochs need `steps_per_epoch` when a batch is planned; the
            loaders know it.
        total_epochs: > 0, only with unit="fraction".
        prob: curve in [0, 1] that replaces the policy's prob.
        weights: one curve >= 0 per method, replacing the policy's weights; never all zero.
        alpha: one curve > 0 (or None) per method, replacing that method's alpha.
    Curves are evaluated at whole epoch numbers, so their value is constant within an epoch.

    Raises:
        TypeError, ValueError: at construction, or at that of the policy whose methods the curves do not fit; for a
            function that returns a value out of range, in the epoch where it does.
    """

    start: float = 0.0
    stop: float | None = None
    unit: Unit = "epoch"
    total_epochs: float | None = None
    prob: Curve | None = None
    weights: Sequence[Curve] | None = None
    alpha: Sequence[Curve | None] | None = None

    def __post_init__(self) -> None:
        choice("Schedule", "unit", self.unit, get_args(Unit))
        top = 1.0 if self.unit == "fraction" else None
        start = number("Schedule", "start", self.start, at_least=0, below=top)
        object.__setattr__(self, "start", start)
        if self.stop is not None:
            object.__setattr__(self, "stop", number("Schedule", "stop", self.stop, at_least=0, at_most=top))
            if self.stop <= start:
                raise ValueError(
                    f"Schedule: stop={self.stop:g} is not after start={start:g}, so mixing would never be on; expected "
                    "stop > start, or no stop for mixing to the end, as timm's --mixup-off-epoch 0 means"
                )
        if (self.unit == "fraction") != (self.total_epochs is not None):
            raise ValueError(
                f"Schedule: total_epochs={self.total_epochs!r} with unit={self.unit!r}; "
                "give total_epochs with unit='fraction' and only with it"
            )
        if self.total_epochs is not None:
            total = number("Schedule", "total_epochs", self.total_epochs, above=0)
            object.__setattr__(self, "total_epochs", total)
        for field in ("weights", "alpha"):
            given = getattr(self, field)
            if given is not None:
                if not isinstance(given, (list, tuple)):
                    raise TypeError(f"Schedule: {field}={given!r}, expected a list of curves, one per method")
                if field == "weights" and any(curve is None for curve in given):
                    raise TypeError(f"Schedule: weights={given!r}, expected a curve for every method")
                object.__setattr__(self, field, tuple(checked_curve(field, curve) for curve in given))
        object.__setattr__(self, "prob", checked_curve("prob", self.prob))

    def active(self, epoch: int, step: int, steps_per_epoch: int | None) -> bool:
        """True if mixing is on for this batch. step counts from 0 within the epoch.

        Raises:
            ValueError: a boundary inside an epoch, and steps_per_epoch is None.
        """
        # Both are looked at in every epoch, so that what is missing is missed in the first one.
        begun = self._reached(self.start, epoch, step, steps_per_epoch)
        ended = self.stop is not None and self._reached(self.stop, epoch, step, steps_per_epoch)
        return begun and not ended

    def _reached(self, boundary: float, epoch: int, step: int, steps_per_epoch: int | None) -> bool:
        if self.unit == "fraction":
            assert self.total_epochs is not None
            boundary *= self.total_epochs
        boundary = _without_rounding_error(boundary)
        if self.unit != "step" and boundary.is_integer():
            return epoch >= boundary
        if boundary == 0:
            return True
        if steps_per_epoch is None:
            raise ValueError(
                f"Schedule: the boundary {boundary:g} ({self.unit}) lies inside an epoch; give steps_per_epoch"
            )
        steps = boundary if self.unit == "step" else boundary * steps_per_epoch
        # A boundary between two batches belongs to the later one.
        return epoch * steps_per_epoch + step >= math.ceil(_without_rounding_error(steps))


@dataclass(frozen=True)
class Schedules:
    """Schedules that apply together: mixing is on while all are on; at most one sets each of prob, weights, alpha."""

    members: tuple[Schedule, ...] = ()

    @classmethod
    def of(cls, given: Schedules | Schedule | Sequence[Schedule] | None) -> Schedules:
        """The schedules from `schedule=`. TypeError for anything but schedules."""
        if isinstance(given, Schedules):
            return given
        members = () if given is None else (given,) if isinstance(given, Schedule) else given
        if not isinstance(members, (tuple, list)) or not all(isinstance(m, Schedule) for m in members):
            raise TypeError(f"MixPolicy: schedule={given!r}, expected a Schedule or several")
        return cls(tuple(members))

    def active(self, epoch: int, step: int, steps_per_epoch: int | None) -> bool:
        """True if mixing is on for this batch."""
        active = [member.active(epoch, step, steps_per_epoch) for member in self.members]
        return all(active)

    def setting(
        self, methods: Sequence[Method], weights: Sequence[float] | None, prob: float, epoch: int
    ) -> tuple[Sequence[Method], np.ndarray, float]:
        """The methods with an epoch's alphas, their odds, which sum to 1, and its prob, from what applies without a
        schedule; weights of None are equal ones."""
        weights = weights or (1.0,) * len(methods)
        for member in self.members:
            if member.alpha is not None:
                methods = [
                    with_alpha(m, a, epoch, f"alpha[{i}]")
                    for i, (m, a) in enumerate(zip(methods, member.alpha, strict=True))
                ]
            if member.weights is not None:
                given = [value(c, epoch, f"weights[{i}]") for i, c in enumerate(member.weights)]
                weights = odds(f"schedule.weights in epoch {epoch}", given, len(methods))
            if member.prob is not None:
                name = f"schedule.prob in epoch {epoch}"
                prob = number("MixPolicy", name, value(member.prob, epoch, "prob"), at_least=0, at_most=1)
        shares = np.asarray(weights, dtype=np.float64)
        return methods, shares / shares.sum(), prob

    def refuse_changing_functions(
        self, methods: Sequence[Method], weights: Sequence[float] | None, prob: float
    ) -> None:
        """Evaluate functions twice, and raise ValueError if the values differ: plans must not depend on how often a
        function was asked."""
        first, again = (self.setting(methods, weights, prob, 0) for _ in range(2))
        if (list(first[0]), first[1].tolist(), first[2]) != (list(again[0]), again[1].tolist(), again[2]):
            raise ValueError(
                f"MixPolicy: schedule={list(self.members)}: a function gave two values for one epoch; expected a "
                "function of the epoch alone, since every rank and every resumed run asks it again"
            )

    def check(self, methods: Sequence[Method]) -> None:
        """Raise ValueError unless the schedules fit the methods and each other."""
        for field in ("prob", "weights", "alpha"):
            if sum(getattr(member, field) is not None for member in self.members) > 1:
                raise ValueError(
                    f"MixPolicy: two schedules set {field}; expected at most one; use None in the others"
                )
        self._check_overlap()
        for member in self.members:
            for field in ("weights", "alpha"):
                given = getattr(member, field)
                if given is not None and len(given) != len(methods):
                    raise ValueError(
                        f"MixPolicy: schedule.{field} has {len(given)} curves for {len(methods)} methods; "
                        "expected one per method"
                    )
            if member.alpha is not None:
                _check_alphas(methods, member.alpha)
            if member.weights is not None:
                _check_weights(member.weights)

    def _check_overlap(self) -> None:
        """Raise ValueError if mixing would never be on; positions in steps are compared with those in steps."""
        for unit in ("epoch", "step"):
            members = [member for member in self.members if (member.unit == "step") == (unit == "step")]
            begin = max((member.start * (member.total_epochs or 1) for member in members), default=0.0)
            ends = [member.stop * (member.total_epochs or 1) for member in members if member.stop is not None]
            if ends and min(ends) <= begin:
                raise ValueError(
                    f"MixPolicy: schedule={list(self.members)}: one starts at {unit} {begin:g} and another stops at "
                    f"{min(ends):g}; mixing is on only while all of them are, so it would never be"
                )


def odds(name: str, given: Sequence[float], methods: int) -> tuple[float, ...]:
    listed = members(given)
    if listed is None or len(listed) != methods:
        raise ValueError(
            f"MixPolicy: {name}={given!r}, expected a list of {methods} numbers >= 0, one per method"
        )
    odds = tuple(number("MixPolicy", f"{name}[{i}]", w, at_least=0) for i, w in enumerate(listed))
    if sum(odds) <= 0:
        raise ValueError(f"MixPolicy: {name}={given!r} are all zero; expected at least one > 0")
    return odds


def _check_alphas(methods: Sequence[Method], curves: Sequence[Curve | None]) -> None:
    """Raise ValueError unless every method has an alpha where a curve is given, and takes its values."""
    for i, (method, curve) in enumerate(zip(methods, curves, strict=True)):
        if curve is None:
            continue
        if not hasattr(method, "alpha"):
            raise ValueError(
                f"MixPolicy: schedule.alpha is set for {method.name!r}, which has no alpha; give None there"
            )
        if not method.uses_alpha:
            raise ValueError(
                f"MixPolicy: schedule.alpha is set for {method!r}, whose other options leave alpha without effect; "
                "give None there, or leave those out"
            )
        for _, height in () if callable(curve) else knots_of(curve):
            try:
                with_alpha(method, height, 0, f"alpha[{i}]")
            except ValueError as error:
                raise ValueError(f"MixPolicy: schedule.alpha[{i}]={curve!r}: {error}") from error


def _check_weights(curves: Sequence[Curve]) -> None:
    """Raise ValueError if the weights are all zero in some epoch."""
    known = [knots_of(curve) for curve in curves if not callable(curve)]
    if len(known) < len(curves):
        return  # a function's values are known in the epoch that asks for them
    # Lines between knots that are >= 0 add up to zero only where they do at a knot too.
    epochs = np.unique([epoch for knots in known for epoch, _ in knots])
    nothing = np.sum([between(knots, epochs) for knots in known], axis=0) == 0
    if nothing.any():
        raise ValueError(
            f"MixPolicy: schedule.weights={curves!r} are all zero in epoch {epochs[nothing][0]:g}; expected at least "
            "one > 0 in every epoch"
        )


def with_alpha(method: Any, alpha: Curve | None, epoch: int, name: str) -> Any:
    """The method with the alpha of that epoch, validated by the method itself."""
    return method if alpha is None else replace(method, alpha=value(alpha, epoch, name))


def _without_rounding_error(position: float) -> float:
    """The whole number that a product has missed, as 0.29 * 100 = 28.999999999999996 has; any other as it is."""
    whole = float(round(position))
    return whole if math.isclose(position, whole, rel_tol=1e-9, abs_tol=1e-9) else position
