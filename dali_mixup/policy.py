"""MixPolicy: which method, how often, at what granularity, with which partners, when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .checks import choice, integer, number
from .methods import CutMix, Form, Method, MixUp
from .partners import PAIRINGS, PARTNERS, columns, pairs
from .plan import MixPlan
from .schedule import Schedule, value, with_alpha
from .seeding import Purpose, stream

GRANULARITIES = ("batch", "pair", "sample")


@dataclass(frozen=True)
class MixPolicy:
    """What is decided for every batch, as a pure function of its address (see `plan`).

    Args:
        methods: one method or several; one of them is chosen for each decision.
        weights: relative odds of the methods, >= 0, not all zero; None: equal.
        prob: in [0, 1], how likely a decision mixes at all.
        granularity: what shares one decision (whether, which method, lam, box): the whole "batch" (timm's and
            torchvision's default), two rows that are each other's partner ("pair"), or nothing ("sample").
        partners: see `partners.columns`. Partners come from the local batch of the rank, never from padding.
        label_smoothing: epsilon in [0, 1), whether a row is mixed or not: off = eps / K, on = 1 - eps + eps / K.
        schedule: when mixing is on; None: always.

    Raises:
        TypeError, ValueError: anything outside the above; the message says what was given and what is allowed.

    Example:
        >>> policy = MixPolicy([MixUp(0.8), CutMix(1.0)], label_smoothing=0.1)
        >>> plan = policy.plan(4, 224, 224, seed=0, epoch=0, step=0)
        >>> plan.partners.shape, bool((plan.weights.sum(1) == 1).all())
        ((4, 2), True)
    """

    methods: Sequence[Method]
    weights: Sequence[float] | None = None
    prob: float = 1.0
    granularity: str = "batch"
    partners: str = "permutation"
    label_smoothing: float = 0.0
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        methods = (self.methods,) if isinstance(self.methods, Method) else self.methods
        if not isinstance(methods, (tuple, list)) or not all(isinstance(m, Method) for m in methods):
            raise TypeError(
                f"MixPolicy: methods={self.methods!r}, expected mixing methods such as [MixUp(0.2)]"
            )
        if not methods:
            raise ValueError(
                "MixPolicy: no methods given; expected at least one (to switch mixing off use policy=None)"
            )
        object.__setattr__(self, "methods", tuple(methods))
        if self.weights is not None:
            object.__setattr__(self, "weights", _odds("weights", self.weights, len(methods)))
        object.__setattr__(self, "prob", number("MixPolicy", "prob", self.prob, at_least=0, at_most=1))
        smoothing = number("MixPolicy", "label_smoothing", self.label_smoothing, at_least=0, below=1)
        object.__setattr__(self, "label_smoothing", smoothing)
        choice("MixPolicy", "granularity", self.granularity, GRANULARITIES)
        choice("MixPolicy", "partners", self.partners, PARTNERS)
        self._check_pairing()
        if self.schedule is not None:
            self._check_schedule(self.schedule)

    @classmethod
    def from_timm(
        cls,
        mixup_alpha: float = 1.0,
        cutmix_alpha: float = 0.0,
        cutmix_minmax: tuple[float, float] | None = None,
        prob: float = 1.0,
        switch_prob: float = 0.5,
        mode: str = "batch",
        label_smoothing: float = 0.1,
        schedule: Schedule | None = None,
    ) -> MixPolicy:
        """timm's `Mixup` arguments, defaults and laws (timm 1.0.31 `timm/data/mixup.py`), partners flipped.

        An alpha of 0 leaves that method out; `cutmix_minmax` brings CutMix in whatever its alpha. mode "elem" is
        granularity "sample". `switch_prob` is the odds of CutMix where both are in. Smoothing is on by default, as in
        timm. Odd batches, which timm refuses, leave their middle row alone.

        Raises:
            ValueError: both methods left out, a mode timm's `Mixup` does not have ("half" exists only in its collate
                function), or any value the classes above refuse.
        """
        choice("MixPolicy.from_timm", "mode", mode, ("batch", "pair", "elem"))
        switch = number("MixPolicy.from_timm", "switch_prob", switch_prob, at_least=0, at_most=1)
        methods: list[Method] = []
        if number("MixPolicy.from_timm", "mixup_alpha", mixup_alpha, at_least=0) > 0:
            methods.append(MixUp(mixup_alpha))
        if cutmix_minmax is not None:
            methods.append(CutMix(minmax=cutmix_minmax))
        elif number("MixPolicy.from_timm", "cutmix_alpha", cutmix_alpha, at_least=0) > 0:
            methods.append(CutMix(cutmix_alpha))
        if not methods:
            raise ValueError(
                f"MixPolicy.from_timm: mixup_alpha={mixup_alpha!r} and cutmix_alpha={cutmix_alpha!r} leave nothing to "
                "mix; give one of them > 0, or cutmix_minmax (to switch mixing off use policy=None)"
            )
        return cls(
            methods=methods,
            weights=(1.0 - switch, switch) if len(methods) == 2 else None,
            prob=prob,
            granularity="sample" if mode == "elem" else mode,
            partners="flip",
            label_smoothing=label_smoothing,
            schedule=schedule,
        )

    @property
    def columns(self) -> int:
        """k: the largest number of images any of the methods combines."""
        return max(method.columns for method in self.methods)

    def plan(
        self,
        rows: int,
        height: int,
        width: int,
        *,
        seed: int,
        epoch: int,
        step: int,
        rank: int = 0,
        labels: np.ndarray | None = None,
        steps_per_epoch: int | None = None,
    ) -> MixPlan:
        """The decisions for one batch of `rows` real samples; the same arguments give the same plan everywhere.

        Args:
            rows: >= 1, real samples in the batch; partners are drawn among them only. One row is left alone.
            height, width: size of the images in pixels.
            seed, rank, epoch, step: the batch's address; step counts from 0 in each epoch. Ranks draw differently.
            labels: (rows,) class ids, for partner rules that look at them.
            steps_per_epoch: needed by schedules whose boundaries lie inside an epoch.

        Raises:
            TypeError, ValueError: rows, height or width < 1, negative address, or a schedule value out of range.
        """
        for name, given, least in (
            ("rows", rows, 1),
            ("height", height, 1),
            ("width", width, 1),
            ("rank", rank, 0),
        ):
            integer("MixPolicy.plan", name, given, at_least=least)
        rng = stream(Purpose.PLAN, seed, rank=rank, epoch=epoch, step=step)
        if self.schedule is not None and not self.schedule.active(epoch, step, steps_per_epoch):
            return _alone(rows, self.columns)
        methods, odds, prob = self._setting(epoch)
        paired = self.granularity == "pair"
        partner = (
            pairs(self.partners, rng, rows) if paired else columns(self.partners, rng, rows, self.columns - 1)
        )
        group, decisions = self._groups(partner)
        chosen = np.searchsorted(np.cumsum(odds), rng.random_sample(decisions), side="right")
        chosen[rng.random_sample(decisions) >= prob] = -1
        plan = _alone(rows, self.columns)
        plan.partners[:, 1:] = partner
        for index, method in enumerate(methods):
            mine = np.flatnonzero(chosen == index)
            if len(mine):
                plan = _with_draws(plan, method, index, mine, group, rng, (height, width))
        return _settle(plan)

    def _setting(self, epoch: int) -> tuple[Sequence[Method], np.ndarray, float]:
        """The methods with this epoch's alphas, the normalised odds and the prob."""
        weights: Sequence[float] = self.weights or (1.0,) * len(self.methods)
        methods, prob = self.methods, self.prob
        plan = self.schedule
        if plan is not None:
            if plan.alpha is not None:
                methods = [with_alpha(m, a, epoch) for m, a in zip(methods, plan.alpha, strict=True)]
            if plan.weights is not None:
                given = [value(curve, epoch) for curve in plan.weights]
                weights = _odds(f"schedule.weights in epoch {epoch}", given, len(methods))
            if plan.prob is not None:
                name = f"schedule.prob in epoch {epoch}"
                prob = number("MixPolicy", name, value(plan.prob, epoch), at_least=0, at_most=1)
        odds = np.asarray(weights, dtype=np.float64)
        return methods, odds / odds.sum(), prob

    def _groups(self, partner: np.ndarray) -> tuple[np.ndarray, int]:
        """(rows,) index of the decision each row follows, and how many decisions there are."""
        rows = len(partner)
        if self.granularity == "batch":
            return np.zeros(rows, dtype=np.int64), 1
        if self.granularity == "sample":
            return np.arange(rows), rows
        leaders, group = np.unique(np.minimum(np.arange(rows), partner[:, 0]), return_inverse=True)
        return group.reshape(rows), len(leaders)

    def _check_pairing(self) -> None:
        many = self.columns > 2
        if self.granularity == "pair" and (many or self.partners not in PAIRINGS):
            raise ValueError(
                f"MixPolicy: granularity='pair' joins rows two by two; partners={self.partners!r} with methods of "
                f"{self.columns} images cannot; expected partners in {PAIRINGS} and methods of two images"
            )
        if self.partners == "flip" and many:
            raise ValueError(
                f"MixPolicy: partners='flip' names one partner a row, the methods combine {self.columns} images; "
                "expected partners='permutation', 'derangement' or 'roll'"
            )

    def _check_schedule(self, schedule: Schedule) -> None:
        if not isinstance(schedule, Schedule):
            raise TypeError(f"MixPolicy: schedule={schedule!r}, expected a Schedule")
        for field in ("weights", "alpha"):
            given = getattr(schedule, field)
            if given is not None and len(given) != len(self.methods):
                raise ValueError(
                    f"MixPolicy: schedule.{field} has {len(given)} curves for {len(self.methods)} methods; "
                    "expected one a method"
                )
        for method, curve in zip(self.methods, schedule.alpha or (), strict=bool(schedule.alpha)):
            if curve is not None and not hasattr(method, "alpha"):
                raise ValueError(
                    f"MixPolicy: schedule.alpha names {method.name!r}, which has no alpha; give None there"
                )
        self._setting(0)


def _odds(name: str, given: Sequence[float], methods: int) -> tuple[float, ...]:
    if isinstance(given, (str, bytes)) or not hasattr(given, "__len__") or len(given) != methods:
        raise ValueError(f"MixPolicy: {name}={given!r}, expected {methods} numbers >= 0, one a method")
    odds = tuple(number("MixPolicy", f"{name}[{i}]", w, at_least=0) for i, w in enumerate(given))
    if sum(odds) <= 0:
        raise ValueError(f"MixPolicy: {name}={given!r} are all zero; expected at least one > 0")
    return odds


def _alone(rows: int, k: int) -> MixPlan:
    """Every row by itself: partners the row, weights 1, 0, ..."""
    weights = np.zeros((rows, k), dtype=np.float32)
    weights[:, 0] = 1
    return MixPlan(
        partners=np.repeat(np.arange(rows, dtype=np.int32)[:, None], k, axis=1),
        weights=weights,
        pixel_weights=weights.copy(),
        boxes=np.zeros((rows, 4), dtype=np.int32),
        method=np.full(rows, -1, dtype=np.int32),
        form=np.full(rows, Form.NONE, dtype=np.int32),
    )


def _with_draws(
    plan: MixPlan,
    method: Method,
    index: int,
    mine: np.ndarray,
    group: np.ndarray,
    rng: np.random.RandomState,
    size: tuple[int, int],
) -> MixPlan:
    """The plan with `mine`, the decisions that chose this method, drawn and written into the rows that follow them."""
    draws = method.draw(rng, len(mine), *size)
    decision = np.full(group.max() + 1, -1)
    decision[mine] = np.arange(len(mine))
    rows = np.flatnonzero(decision[group] >= 0)
    source = decision[group[rows]]
    k = draws.weights.shape[1]
    plan.weights[rows, :k] = draws.weights[source]
    plan.pixel_weights[rows, :k] = (draws.weights if draws.pixel_weights is None else draws.pixel_weights)[
        source
    ]
    if draws.boxes is not None:
        plan.boxes[rows] = draws.boxes[source]
    plan.method[rows] = index
    plan.form[rows] = method.form
    fields = dict(plan.__dict__)
    if draws.regions is not None:
        fields["regions"] = _regions(plan.regions, draws.regions[source], rows, len(plan))
    if draws.masks is not None:
        masks = plan.masks if plan.masks is not None else np.ones((len(plan), *size), dtype=np.float32)
        masks[rows] = draws.masks[source]
        fields["masks"] = masks
    return MixPlan(**fields)


def _regions(known: np.ndarray | None, drawn: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    """Room for as many rectangles as the method with most has; the others' stay empty (height and width 0)."""
    have = 0 if known is None else known.shape[1]
    table = np.zeros((n, max(have, drawn.shape[1]), 7), dtype=np.int32)
    if known is not None:
        table[:, :have] = known
    table[rows, : drawn.shape[1]] = drawn
    return table


def _settle(plan: MixPlan) -> MixPlan:
    """Rows in which nobody else takes part are left alone; columns that take no part name the row itself."""
    own = np.arange(len(plan), dtype=np.int32)[:, None]
    unused = (plan.weights == 0) & (plan.pixel_weights == 0)
    np.copyto(plan.partners, own, where=unused)
    alone = (plan.partners == own).all(1) & (plan.method >= 0)
    if alone.any():
        plan.weights[alone] = plan.pixel_weights[alone] = np.eye(1, plan.weights.shape[1], dtype=np.float32)
        plan.boxes[alone] = 0
        plan.method[alone] = -1
        plan.form[alone] = Form.NONE
    return plan
