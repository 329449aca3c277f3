"""A recipe's sections as the arguments of `train_loader` and `val_loader`, and as a loss. Needs DALI and torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from dali_mixup._epochs.orders import Repeated
from dali_mixup._graph.options import Output
from dali_mixup.augment import ValTransform
from dali_mixup.losses import SoftTargetBinaryCrossEntropy, SoftTargetCrossEntropy
from dali_mixup.recipes.transform import train_transform

if TYPE_CHECKING:
    from dali_mixup.recipes.recipe import Recipe


def train_arguments(recipe: Recipe, overrides: dict[str, Any]) -> dict[str, Any]:
    """What `train_loader` is called with; an override takes the place of the recipe's value."""
    rest = dict(overrides)
    said: dict[str, Any] = {"policy": recipe.policy(), "output": output_of(recipe)}
    if recipe.train.repeats > 1:
        said["order"] = Repeated(recipe.train.repeats)
    if "transform" not in rest:
        said["transform"] = train_transform(recipe.train, rest.pop("image_size", None))
    return {**said, **rest}


def val_arguments(recipe: Recipe, overrides: dict[str, Any]) -> dict[str, Any]:
    """What `val_loader` is called with."""
    rest = dict(overrides)
    said: dict[str, Any] = {"output": output_of(recipe)}
    if "transform" not in rest:
        cut = recipe.validation
        size = rest.pop("image_size", cut.image_size)
        resize = rest.pop("resize_size", None)
        if resize is None:
            resize = round(cut.resize_size * (size if isinstance(size, int) else max(size)) / cut.image_size)
        said["transform"] = ValTransform(size, resize, cut.interpolation, cut.antialias)
    return {**said, **rest}


def loss(recipe: Recipe) -> nn.Module:
    """The loss of the recipe's `loss` section."""
    said = recipe.loss_
    if said.name == "binary-cross-entropy":
        return SoftTargetBinaryCrossEntropy(
            smoothing=said.smoothing, target_threshold=said.target_threshold, sum_classes=said.sum_classes
        )
    # With mixing the targets come smoothed, without it they are integer labels, which torch's loss smooths.
    return (
        nn.CrossEntropyLoss(label_smoothing=said.smoothing)
        if recipe.mixing is None
        else SoftTargetCrossEntropy()
    )


def output_of(recipe: Recipe) -> Output:
    """The images that the recipe's model gets."""
    mean, std = recipe.normalise.mean, recipe.normalise.std
    return Output(mean=tuple(255 * x for x in mean), std=tuple(255 * x for x in std))
