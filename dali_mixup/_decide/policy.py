"""MixPolicy: the methods, their probabilities, the granularity, the partners and the schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from dali_mixup._checks import address, choice, class_count, instance, integer, number
from dali_mixup._decide.alternation import Alternation
from dali_mixup._decide.by_map import draws_on_maps, refuse_maps
from dali_mixup._decide.class_counts import ClassCounts
from dali_mixup._decide.combinations import refuse_clashes, refuse_missing, size_of
from dali_mixup._decide.drawn import refuse_decided, refuse_draws
from dali_mixup._decide.grouping import followed, groups
from dali_mixup._decide.interface import refuse_unusable
from dali_mixup._decide.known_labels import known_labels
from dali_mixup._decide.partner_rule import PartnerRule
from dali_mixup._decide.partners import Name, as_given, as_rule
from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.remix import Remix
from dali_mixup._decide.scatter import alone, common_fields, settle, with_draws
from dali_mixup._decide.schedule import Schedule, Schedules, odds
from dali_mixup._decide.timm import methods_of_timm, refuse_other_labels
from dali_mixup._decide.uncompiled import uncompiled
from dali_mixup._decide.unimix import UniMix
from dali_mixup._repr import short
from dali_mixup._seeding import Purpose, stream
from dali_mixup.methods import MapMethod, Method

Granularity = Literal["batch", "pair", "sample"]
GRANULARITIES = get_args(Granularity)
LabelMixing = Literal["weighted", "union"]


@dataclass(frozen=True)
class MixPolicy:
    """The rules by which every batch is mixed; the decisions are a pure function of the batch's address (see `plan`).

    Args:
        methods: one method or several; one of them is chosen for each decision.
        weights: relative odds of the methods, >= 0, not all zero; None: equal.
        prob: in [0, 1], the probability that a decision mixes at all.
        granularity: the rows that share one decision (whether, which method, lam, box): the whole "batch" (timm's and
            torchvision's default), two rows that are each other's partner ("pair"), or none ("sample").
        partners: "permutation" (a row may draw itself), "derangement" (none does), "flip" (rows i and N - 1 - i, as in
            timm), "roll" (row i - 1, as in torchvision), "same_class" or "other_class", all from the local batch of the
            rank, never from padding; from the whole of the data "balanced" (all classes alike), `Balanced(exponent)`,
            `LabelDistance(bandwidth)` or `Neighbours(table)`; or `Pool(Unlabelled(data))`.
        label_smoothing: epsilon in [0, 1), for mixed and unmixed rows: off = eps / K, on = 1 - eps + eps / K.
        label_mixing: "weighted", the sum of the labels times their weights; or "union", a row has every label of any
            image with a share in it, however small: the largest value in each column of multi-hot or other labels >= 0.
            For losses with one decision per class, such as `SoftTargetBinaryCrossEntropy`.
        schedule: when mixing is on; None: always. With several, all must be on, and at most one may set each number.
        alternation: clean steps among the mixed ones; None: none.
        remix: label weights by class counts, for methods of two images; None: the method's own.
        unimix: weights of pixels and labels by class counts, for `MixUp` of two images; None: the method's own.
        num_classes: number of classes in the targets, >= 1, if the loader or `fn.mix` is not told; None: the data's.

    Raises:
        TypeError, ValueError: anything outside the above; the message says what was given and what is allowed.

    Example:
        >>> policy = MixPolicy([MixUp(0.8), CutMix(1.0)], label_smoothing=0.1)
        >>> plan = policy.plan(4, 224, 224, seed=0, epoch=0, step=0)
        >>> plan.partners.shape, bool((plan.weights.sum(1) == 1).all())
        ((4, 2), True)
    """

    methods: Sequence[Method] | Method
    weights: Sequence[float] | None = None
    prob: float = 1.0
    granularity: Granularity = "batch"
    partners: Name | PartnerRule = "permutation"
    label_smoothing: float = 0.0
    label_mixing: LabelMixing = "weighted"
    schedule: Schedule | Sequence[Schedule] | None = None
    alternation: Alternation | None = None
    remix: Remix | None = None
    unimix: UniMix | None = None
    num_classes: int | None = None

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
        refuse_unusable(methods)
        object.__setattr__(self, "methods", tuple(methods))
        if self.weights is not None:
            object.__setattr__(self, "weights", odds("weights", self.weights, len(methods)))
        object.__setattr__(self, "prob", number("MixPolicy", "prob", self.prob, at_least=0, at_most=1))
        smoothing = number("MixPolicy", "label_smoothing", self.label_smoothing, at_least=0, below=1)
        object.__setattr__(self, "label_smoothing", smoothing)
        choice("MixPolicy", "granularity", self.granularity, GRANULARITIES)
        object.__setattr__(self, "partners", as_given("MixPolicy", self.partners))
        for name, kind in (("alternation", Alternation), ("remix", Remix), ("unimix", UniMix)):
            instance("MixPolicy", name, getattr(self, name), kind)
        if self.num_classes is not None:
            classes = class_count("MixPolicy", self.num_classes)
            object.__setattr__(self, "num_classes", classes)
        choice("MixPolicy", "label_mixing", self.label_mixing, get_args(LabelMixing))
        refuse_clashes(self)
        self.schedules.check(self.all_methods)
        if isinstance(self.schedule, list):
            object.__setattr__(self, "schedule", tuple(self.schedule))
        self.schedules.refuse_changing_functions(self.all_methods, self.weights, self.prob)

    def __repr__(self) -> str:
        return short(self)

    @classmethod
    def from_timm(
        cls,
        mixup_alpha: float = 1.0,
        cutmix_alpha: float = 0.0,
        cutmix_minmax: tuple[float, float] | None = None,
        prob: float = 1.0,
        switch_prob: float = 0.5,
        mode: Literal["batch", "pair", "elem"] = "batch",
        correct_lam: bool = True,
        label_smoothing: float = 0.1,
        num_classes: int | None = None,
        multi_label: bool = False,
        schedule: Schedule | Sequence[Schedule] | None = None,
    ) -> MixPolicy:
        """Build a policy from the arguments of timm's `Mixup`, in its order and with its defaults and laws (timm 1.0.31
        `timm/data/mixup.py`); partners are flipped.

        An alpha of 0 leaves that method out; `cutmix_minmax` enables CutMix whatever its alpha. mode "elem" is
        granularity "sample". `switch_prob` is the probability of CutMix if both are used. Smoothing is on by default,
        as in timm. Odd batches, which timm refuses, leave their middle row alone. `num_classes` is the number of
        classes in the targets; None: as many as the data have (timm's default is 1000). With `multi_label` the labels
        are vectors, which the loader takes as labels=LabelVectors(...). `schedule` is not one of timm's arguments.

        Raises:
            TypeError, ValueError: both methods left out; a mode timm's `Mixup` does not have ("half" exists only in its
                collate function); correct_lam=False, since label weights here always follow the pixels;
                multi_label=True with label_smoothing; or any value that the classes above refuse.
        """
        refuse_other_labels(correct_lam, multi_label, label_smoothing)
        choice("MixPolicy.from_timm", "mode", mode, ("batch", "pair", "elem"))
        methods, weights = methods_of_timm(mixup_alpha, cutmix_alpha, cutmix_minmax, switch_prob)
        return cls(
            methods=methods,
            weights=weights,
            prob=prob,
            granularity="sample" if mode == "elem" else mode,
            partners="flip",
            label_smoothing=label_smoothing,
            schedule=schedule,
            num_classes=num_classes,
        )

    @property
    def schedules(self) -> Schedules:
        """The schedule or schedules as one object."""
        return Schedules.of(self.schedule)

    @property
    def all_methods(self) -> tuple[Method, ...]:
        """`methods` as a tuple, also if a single one was given."""
        return (self.methods,) if isinstance(self.methods, Method) else tuple(self.methods)

    @property
    def rule(self) -> PartnerRule:
        """The partner rule, also if it was given by name."""
        return as_rule("MixPolicy", self.partners)

    @property
    def columns(self) -> int:
        """k: the largest number of images that any of the methods combines."""
        return max(method.columns for method in self.all_methods)

    @uncompiled
    def plan(
        self,
        rows: int,
        height: int | None = None,
        width: int | None = None,
        *,
        seed: int,
        epoch: int,
        step: int,
        rank: int = 0,
        labels: np.ndarray | None = None,
        steps_per_epoch: int | None = None,
        others: np.ndarray | None = None,
        maps: np.ndarray | None = None,
    ) -> MixPlan:
        """The decisions for one batch of `rows` real samples; the same arguments give the same plan on any machine.

        Args:
            rows: >= 1, real samples in the batch; partners are drawn among them only. One row is left alone.
            height, width: size of the images in pixels. Without them the plan is for rows of any shape, such as feature
                vectors, with methods that blend.
            seed, rank, epoch, step: the batch's address, each from 0 to 2**64 - 1; step counts from 0 in each epoch.
                Ranks draw differently.
            labels: integer class ids >= 0, (rows,) or (rows, 1), or one for every row that partners are chosen from;
                needed by partners="same_class", "other_class" and "balanced", by remix and by unimix. Numbers, (rows,)
                or (rows, C), with `LabelDistance`. Others are not looked at.
            steps_per_epoch: needed by schedules with a boundary inside an epoch.
            others: positions of the rows beyond the batch that are read as partners: (rows, columns - 1) row numbers,
                with `Pool` (m,). The loaders pass them.
            maps: (rows, height, width) uint8 class ids of the pixels, of the rows beyond the batch too; needed by
                methods for segmentation, such as `ClassMix`.

        Raises:
            TypeError, ValueError: rows, height, width or steps_per_epoch < 1, an address outside the above, a schedule
                value out of range, an argument that the policy needs and that is missing or does not fit, or a method
                of one's own that draws what its form cannot use.
        """
        rows = integer("MixPolicy.plan", "rows", rows, at_least=1)
        given = {"seed": seed, "rank": rank, "epoch": epoch, "step": step}
        seed, rank, epoch, step = (address("MixPolicy.plan", *part) for part in given.items())
        if steps_per_epoch is not None:
            steps_per_epoch = integer("MixPolicy.plan", "steps_per_epoch", steps_per_epoch, at_least=1)
        size = size_of(self.all_methods, height, width)
        refuse_missing(self, labels, others)
        known = known_labels(self, labels, rows, others)
        refuse_maps(self.all_methods, maps, rows, size)
        rule_of_labels = {"label_smoothing": self.label_smoothing, "label_mixing": self.label_mixing}
        common = common_fields(self.all_methods, size, **rule_of_labels)
        if not self.schedules.active(epoch, step, steps_per_epoch):
            return alone(rows, self.columns, "off", **common)
        if self.alternation and self.alternation.is_clean(seed=seed, rank=rank, epoch=epoch, step=step):
            return alone(rows, self.columns, "clean", **common)
        rng = stream(Purpose.PLAN, seed, rank=rank, epoch=epoch, step=step)
        methods, shares, prob = self.schedules.setting(self.all_methods, self.weights, self.prob, epoch)
        if self.granularity == "pair":
            partner = self.rule.pairs(rng, rows)
        else:
            own = None if known is None else known[:rows]
            partner = self.rule.columns(rng, rows, self.columns - 1, own, others)
        group, decisions = groups(self.granularity, partner)
        chosen = np.searchsorted(np.cumsum(shares), rng.random_sample(decisions), side="right")
        chosen[rng.random_sample(decisions) >= prob] = -1
        plan = alone(rows, self.columns, "mixed", **common)
        plan.partners[:, 1:] = partner
        for index, method in enumerate(methods):
            mine = np.flatnonzero(chosen == index)
            if len(mine):
                following = followed(self.granularity, mine, group)
                if isinstance(method, MapMethod):
                    assert maps is not None
                    decided = method.decide(rng, len(mine))
                    refuse_decided(method, decided, len(mine))
                    draws, following = draws_on_maps(method, decided, plan, following, maps)
                else:
                    draws = method.draw(rng, len(mine), *(size or (1, 1)))
                    refuse_draws(method, draws, len(mine), *(size or (1, 1)))
                plan = with_draws(plan, method, index, draws, following)
        for rule in self.by_counts:
            assert known is not None
            rule.weigh(plan, known)
        if self.rule.by_label:
            plan = replace(plan, unpartnered=int((partner == np.arange(rows)[:, None]).all(1).sum()))
        return settle(plan)

    @property
    def by_counts(self) -> tuple[ClassCounts, ...]:
        """The rules that depend on the size of the classes."""
        return tuple(rule for rule in (self.remix, self.unimix) if rule is not None)

    @property
    def needs_ids(self) -> bool:
        """True if partners or label weights depend on class ids."""
        return self.rule.by_label or bool(self.by_counts)

    @property
    def needs_maps(self) -> bool:
        """True if a method needs the class ids of the pixels."""
        return any(isinstance(method, MapMethod) for method in self.all_methods)


def as_policy(owner: str, given: Any) -> MixPolicy | None:
    """The policy that `policy=` describes: a MixPolicy, a method, several methods, or None."""
    if given is None or isinstance(given, MixPolicy):
        return given
    if isinstance(given, Method) or (
        isinstance(given, (list, tuple)) and given and all(isinstance(item, Method) for item in given)
    ):
        return MixPolicy(given)
    raise TypeError(
        f"{owner}: policy={given!r}, expected MixPolicy(...), a method such as MixUp(0.2), a list of methods, or None"
    )
