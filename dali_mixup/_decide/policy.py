"""MixPolicy: which method, how often, at what granularity, with which partners, when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dali_mixup._checks import choice, instance, integer, number
from dali_mixup._decide.alternation import Alternation
from dali_mixup._decide.partners import BY_LABEL, PAIRINGS, PARTNERS, columns, pairs
from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.remix import Remix
from dali_mixup._decide.scatter import Rows, alone, settle, with_draws
from dali_mixup._decide.schedule import Schedule, Schedules, odds
from dali_mixup._seeding import Purpose, stream
from dali_mixup.methods import CutMix, Method, MixUp

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
        schedule: when mixing is on; None: always. Of several, all must be on, and one may set each number.
        alternation: clean steps among the mixed ones; None: none.
        remix: label weights by class counts, for methods of two images; None: the method's own.

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
    schedule: Schedule | Sequence[Schedule] | None = None
    alternation: Alternation | None = None
    remix: Remix | None = None

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
            object.__setattr__(self, "weights", odds("weights", self.weights, len(methods)))
        object.__setattr__(self, "prob", number("MixPolicy", "prob", self.prob, at_least=0, at_most=1))
        smoothing = number("MixPolicy", "label_smoothing", self.label_smoothing, at_least=0, below=1)
        object.__setattr__(self, "label_smoothing", smoothing)
        choice("MixPolicy", "granularity", self.granularity, GRANULARITIES)
        choice("MixPolicy", "partners", self.partners, PARTNERS)
        self._check_pairing()
        instance("MixPolicy", "alternation", self.alternation, Alternation)
        instance("MixPolicy", "remix", self.remix, Remix)
        if self.remix is not None and self.columns > 2:
            raise ValueError(f"MixPolicy: remix weighs two labels, the methods combine {self.columns} images")
        self.schedules.check(self.methods)
        self._setting(0)

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
        schedule: Schedule | Sequence[Schedule] | None = None,
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
    def schedules(self) -> Schedules:
        """The schedule or schedules, as one."""
        return Schedules.of(self.schedule)

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
        pool: int | None = None,
        partners: np.ndarray | None = None,
    ) -> MixPlan:
        """The decisions for one batch of `rows` real samples; the same arguments give the same plan everywhere.

        Args:
            rows: >= 1, real samples in the batch; partners are drawn among them only. One row is left alone.
            height, width: size of the images in pixels.
            seed, rank, epoch, step: the batch's address; step counts from 0 in each epoch. Ranks draw differently.
            labels: class ids, (rows,) or as many as there are rows to choose partners from; needed by
                partners="same_class" and "other_class" and by remix.
            steps_per_epoch: needed by schedules whose boundaries lie inside an epoch.
            pool: with partners="pool", how many rows there are to choose from, the batch's own first.
            partners: with partners="neighbours", (rows, columns - 1) indices of the rows read as partners.

        Raises:
            TypeError, ValueError: rows, height or width < 1, negative address, a schedule value out of range, or
                something missing that the policy needs.
        """
        for name, given, least in (
            ("rows", rows, 1),
            ("height", height, 1),
            ("width", width, 1),
            ("rank", rank, 0),
        ):
            integer("MixPolicy.plan", name, given, at_least=least)
        self._check_given(labels, partners, pool)
        if not self.schedules.active(epoch, step, steps_per_epoch):
            return alone(rows, self.columns, "off")
        if self.alternation and self.alternation.is_clean(seed=seed, rank=rank, epoch=epoch, step=step):
            return alone(rows, self.columns, "clean")
        rng = stream(Purpose.PLAN, seed, rank=rank, epoch=epoch, step=step)
        methods, shares, prob = self._setting(epoch)
        if partners is not None:
            partner = partners
        elif self.granularity == "pair":
            partner = pairs(self.partners, rng, rows)
        else:
            known = None if labels is None else labels[:rows]
            partner = columns(self.partners, rng, rows, self.columns - 1, known, pool)
        group, decisions = self._groups(partner)
        chosen = np.searchsorted(np.cumsum(shares), rng.random_sample(decisions), side="right")
        chosen[rng.random_sample(decisions) >= prob] = -1
        plan = alone(rows, self.columns, "mixed")
        plan.partners[:, 1:] = partner
        for index, method in enumerate(methods):
            mine = np.flatnonzero(chosen == index)
            if len(mine):
                draws = method.draw(rng, len(mine), height, width)
                plan = with_draws(plan, method, index, draws, self._followed(mine, group))
        if self.remix is not None and labels is not None:
            own, other = labels[plan.partners[:, :2]].T
            plan.weights[:, 0] = self.remix(plan.weights[:, 0], own, other)
            plan.weights[:, 1] = 1 - plan.weights[:, 0]
        if self.partners in BY_LABEL:
            plan = replace(plan, unpartnered=int((partner == np.arange(rows)[:, None]).all(1).sum()))
        return settle(plan)

    def _setting(self, epoch: int) -> tuple[Sequence[Method], np.ndarray, float]:
        """The methods with this epoch's alphas, the normalised odds and the prob."""
        weights: Sequence[float] = self.weights or (1.0,) * len(self.methods)
        methods, weights, prob = self.schedules.setting(self.methods, weights, self.prob, epoch)
        shares = np.asarray(weights, dtype=np.float64)
        return methods, shares / shares.sum(), prob

    def _groups(self, partner: np.ndarray) -> tuple[np.ndarray, int]:
        """(rows,) index of the decision each row follows, and how many decisions there are."""
        rows = len(partner)
        if self.granularity == "batch":
            return np.zeros(rows, dtype=np.int64), 1
        if self.granularity == "sample":
            return np.arange(rows), rows
        own = np.arange(rows)
        leads = own <= partner[:, 0]  # the first row of each pair, whose decision is the pair's
        return (np.cumsum(leads) - 1)[np.minimum(own, partner[:, 0])], int(leads.sum())

    def _followed(self, mine: np.ndarray, group: np.ndarray) -> tuple[Rows, Rows]:
        """The rows that follow the decisions `mine`, and which of these each follows."""
        if self.granularity == "batch":
            return slice(None), slice(0, 1)  # one decision, broadcast
        if self.granularity == "sample":
            return mine, slice(None)
        rows = np.flatnonzero(np.isin(group, mine))
        return rows, np.searchsorted(mine, group[rows])

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

    def _check_given(self, labels: np.ndarray | None, partners: np.ndarray | None, pool: int | None) -> None:
        if labels is None and (self.partners in BY_LABEL or self.remix is not None):
            raise ValueError(
                f"MixPolicy.plan: partners={self.partners!r}, remix={self.remix!r} need labels. The loaders give them; "
                "in a foreign pipeline they are not known before the images are decoded"
            )
        for rule, name, given in (("neighbours", "partners", partners), ("pool", "pool", pool)):
            if (given is None) == (self.partners == rule):
                raise ValueError(
                    f"MixPolicy.plan: {name}={'...' if given is not None else None} with partners={self.partners!r} in "
                    f"the policy; {name} belongs to partners={rule!r}, to which the loaders give it"
                )
