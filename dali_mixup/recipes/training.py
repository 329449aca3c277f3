"""The `training` and `latent` sections: what a training script does with the loader's batches."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dali_mixup.recipes.errors import Fault
from dali_mixup.recipes.latent_parameters import check_parameters
from dali_mixup.recipes.section import Fraction, NotNegative, Positive, Section

Betas = Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=2, max_length=2)]

_TAKEN_BY = {
    "momentum": ("sgd", "sgdw", "lars", "rmsprop"),
    "nesterov": ("sgd", "sgdw"),
    "betas": ("adamw", "adam", "lamb"),
    "eps": ("adamw", "adam", "lamb", "lars", "rmsprop"),
    "alpha": ("rmsprop",),
}
"""Which optimisers make use of a parameter."""

_OF_DECAY = {"final": ("cosine", "linear"), "decay_epochs": ("cosine", "linear"), "gamma": ("step",)}
"""Which decays make use of a key."""


class Optimizer(Section):
    """An optimiser of timm by name, and its parameters where the source gives them."""

    name: Literal["sgd", "sgdw", "adamw", "adam", "lamb", "lars", "rmsprop"]
    momentum: Fraction | None = None
    nesterov: bool = False
    betas: Betas | None = None
    eps: Positive | None = None
    alpha: Fraction | None = Field(
        default=None, description="of rmsprop: decay of the squared gradients' average"
    )

    @model_validator(mode="after")
    def _of_its_kind(self) -> Optimizer:
        for key, names in _TAKEN_BY.items():
            value, off = getattr(self, key), type(self).model_fields[key].default
            if value != off and self.name not in names:
                raise ValueError(
                    f"{key}: {json.dumps(value)} belongs to {', '.join(names)}; the name is {self.name!r}. "
                    f"{_left_out(key, off)}"
                )
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov: true needs a momentum above 0; give momentum, or nesterov: false")
        return self


class LearningRate(Section):
    """The learning rate over training, a step at a time: a linear warm-up, then a decay."""

    base: Positive = Field(
        description="the largest, at training.batch_size; `dali-mixup train` scales it linearly"
    )
    decay: Literal["cosine", "linear", "step", "constant"] = "cosine"
    final: NotNegative = Field(default=0.0, description="of cosine and linear: what they end at")
    decay_epochs: Positive | None = Field(
        default=None, description="epoch at which `final` is reached; none: the last one"
    )
    milestones: list[Positive] = Field(
        default=[], description="of step: epochs at which the rate is multiplied by gamma"
    )
    gamma: Positive = 0.1
    warmup_epochs: NotNegative = 0.0
    warmup_start: NotNegative = Field(default=0.0, description="the rate before the first step")

    @model_validator(mode="after")
    def _milestones_of_step(self) -> LearningRate:
        if (self.decay == "step") != bool(self.milestones):
            raise ValueError("milestones and decay: step belong together; give both or neither")
        for key, decays in _OF_DECAY.items():
            value, off = getattr(self, key), type(self).model_fields[key].default
            if value != off and self.decay not in decays:
                raise ValueError(
                    f"{key}: {value} does nothing with decay: {self.decay}. {_left_out(key, off)}"
                )
        return self


def _left_out(key: str, default: Any) -> str:
    """What to do about a key without effect, which may also come from the recipe that is extended."""
    return f"Leave it out, or where the recipe that is extended has it, write {key}: {json.dumps(default)}"


class Ema(Section):
    """Exponential moving average of the weights: ema <- decay ema + (1 - decay) weights, every so many steps."""

    decay: Fraction
    every: Annotated[int, Field(ge=1)] = 1


class Training(Section):
    """The side of the recipe that `dali-mixup train` follows; a loader does not look here."""

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)] = Field(
        description="samples an optimiser step, over all processes"
    )
    optimizer: Optimizer
    learning_rate: LearningRate
    weight_decay: NotNegative = 0.0
    decay_biases_and_norms: bool = Field(
        default=True, description="false: weight decay on weight matrices only"
    )
    clip_grad_norm: Positive | None = None
    drop_path: Fraction = 0.0
    ema: Ema | None = None


class Latent(Section):
    """The part of the method that works inside the network: build it with `Recipe.latent_module`."""

    module: Literal["InterpolationConsistency", "MixMatchStep", "MultiMix", "DenseMultiMix", "ManifoldMixup"]
    parameters: dict[str, Any] = Field(default={})
    weight: NotNegative = Field(default=1.0, description="largest weight of the module's loss")
    ramp: Literal["none", "linear", "sigmoid"] = Field(
        default="none", description="how that weight is reached"
    )
    ramp_epochs: NotNegative = 0.0
    teacher_decay: Fraction | None = Field(
        default=None, description="of the EMA teacher, where the method has one"
    )

    @model_validator(mode="after")
    def _of_this_module(self) -> Latent:
        check_parameters(self.module, self.parameters)
        if self.ramp == "none" and self.ramp_epochs:
            advice = _left_out("ramp_epochs", 0.0)
            raise Fault("ramp_epochs", f"{self.ramp_epochs} does nothing with ramp: none. {advice}")
        return self
