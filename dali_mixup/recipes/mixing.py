"""The `mixing` section: a policy and its schedule."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dali_mixup._decide import alternation
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.schedule import Schedule
from dali_mixup.methods import Method
from dali_mixup.recipes.methods import method_of
from dali_mixup.recipes.section import Curve, Fraction, NotNegative, Section


class MixingSchedule(Section):
    """When mixing is on; see `dali_mixup._decide.schedule.Schedule`."""

    start: NotNegative = 0.0
    stop: NotNegative | None = None
    unit: Literal["epoch", "step", "fraction"] = "epoch"
    prob: Curve | None = Field(default=None, description="replaces mixing.prob")
    weights: list[Curve] | None = Field(
        default=None, description="a curve per method, replacing mixing.weights"
    )
    alpha: list[Curve | None] | None = Field(
        default=None, description="a curve (or null) a method, replacing its alpha"
    )


class Alternation(Section):
    """Steps that are left unmixed as a whole, for a latent module to take; see `dali_mixup.Alternation`."""

    clean: Fraction = 0.5
    per_rank: bool = False


class Mixing(Section):
    """The mixing policy; see `dali_mixup._decide.policy.MixPolicy`."""

    methods: Annotated[list[dict[str, Any]], Field(min_length=1)] = Field(
        description="each {method: a registered name, its parameters ...}"
    )
    weights: list[NotNegative] | None = None
    prob: Fraction = 1.0
    granularity: Literal["batch", "pair", "sample"] = "batch"
    partners: Literal["permutation", "derangement", "flip", "roll", "same_class", "other_class"] = (
        "permutation"
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    schedule: MixingSchedule | None = None
    alternation: Alternation | None = None

    @model_validator(mode="after")
    def _possible(self) -> Mixing:
        # total_epochs does not decide whether a schedule is possible, so any number does here.
        self.policy(total_epochs=1)
        return self

    def policy(self, total_epochs: float) -> MixPolicy:
        """The policy itself; `total_epochs` is what a schedule in fractions is a fraction of."""
        methods: list[Method] = [method_of(item, f"methods[{i}]") for i, item in enumerate(self.methods)]
        schedule = None
        if self.schedule is not None:
            given = self.schedule
            schedule = Schedule(
                start=given.start,
                stop=given.stop,
                unit=given.unit,
                total_epochs=total_epochs if given.unit == "fraction" else None,
                prob=_knots(given.prob),
                weights=None if given.weights is None else [_knots(curve) for curve in given.weights],
                alpha=None if given.alpha is None else [_knots(curve) for curve in given.alpha],
            )
        return MixPolicy(
            methods,
            weights=self.weights,
            prob=self.prob,
            granularity=self.granularity,
            partners=self.partners,
            label_smoothing=self.label_smoothing,
            schedule=schedule,
            alternation=None
            if self.alternation is None
            else alternation.Alternation(self.alternation.clean, self.alternation.per_rank),
        )


def _knots(curve: list[list[float]] | None) -> Any:
    return None if curve is None else [(epoch, value) for epoch, value in curve]
