"""A recipe's sections as the arguments of `train_loader` and `val_loader`, and as a loss. Needs torch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import nn

from dali_mixup._loader.companions import HandOver
from dali_mixup.augment import ValTransform
from dali_mixup.losses import (
    JensenShannonCrossEntropy,
    RegMixupLoss,
    SoftTargetBinaryCrossEntropy,
    SoftTargetCrossEntropy,
)
from dali_mixup.recipes.views import of_size

if TYPE_CHECKING:
    from dali_mixup.recipes.recipe import Recipe


def train_arguments(recipe: Recipe, overrides: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `train_loader`; an override replaces the recipe's value."""
    rest = dict(overrides)
    given: dict[str, Any] = {
        "policy": recipe.policy,
        "views": recipe.views,
        "transform": recipe.transform,
        "order": recipe.order,
        "labels": recipe.labels,
        "output": recipe.output,
        "runtime": recipe.runtime,
        "bad_files": recipe.bad_files,
    }
    if recipe.loss_.name == "regmixup":
        given["handover"] = HandOver(clean=True)
    if "transform" not in rest and (size := rest.pop("image_size", None)) is not None:
        given["transform"] = replace(recipe.transform, image_size=size)
        if "views" not in rest:
            given["views"] = of_size(recipe.transform, recipe.views, size)
    return {**given, **rest}


def val_arguments(recipe: Recipe, overrides: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `val_loader`."""
    rest = dict(overrides)
    given: dict[str, Any] = {
        "transform": recipe.validation.transform,
        "output": recipe.output,
        "runtime": recipe.runtime,
    }
    if "transform" not in rest and (size := rest.pop("image_size", None)) is not None:
        given["transform"] = _resized(recipe.validation.transform, size)
    return {**given, **rest}


def _resized(transform: ValTransform, image_size: Any) -> ValTransform:
    """The transform at another size, in the same proportion."""
    plain = replace(transform, image_size=image_size, resize_size=None)  # refuses what is not a size
    if transform.resize_size is None:
        return plain
    return replace(plain, resize_size=round(transform.resize_size * max(plain.size) / max(transform.size)))


def loss(recipe: Recipe) -> nn.Module:
    """The loss of the recipe's `loss` section."""
    chosen = recipe.loss_
    if chosen.name == "in-example":
        raise ValueError(
            f"loss.name: in-example: the loss of this recipe is none of the library's; {chosen.example} has it"
        )
    if chosen.name == "jensen-shannon":
        assert recipe.views is not None
        splits = sum(view.count for view in recipe.views)
        return JensenShannonCrossEntropy(splits, chosen.alpha, smoothing=chosen.smoothing)
    if chosen.name == "binary-cross-entropy":
        return SoftTargetBinaryCrossEntropy(
            smoothing=chosen.smoothing,
            target_threshold=chosen.target_threshold,
            sum_classes=chosen.sum_classes,
        )
    if chosen.name == "regmixup":
        return RegMixupLoss(chosen.eta)
    # With mixing the targets come smoothed, without it they are integer labels, which torch's loss smooths.
    return (
        nn.CrossEntropyLoss(label_smoothing=chosen.smoothing)
        if not recipe.policies
        else SoftTargetCrossEntropy()
    )
