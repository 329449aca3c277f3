"""A recipe's sections as the arguments of `train_loader` and `val_loader`, and as a loss. Needs DALI and torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from ..augment import Cutout, MultiScale, RandomErasing, SizeSchedule, TrainTransform, ValTransform
from ..losses import SoftTargetBinaryCrossEntropy, SoftTargetCrossEntropy
from .sections import Augmentation

if TYPE_CHECKING:
    from .recipe import Recipe


def train_arguments(recipe: Recipe, overrides: dict[str, Any]) -> dict[str, Any]:
    """What `train_loader` is called with; an override takes the place of the recipe's value."""
    rest = dict(overrides)
    said: dict[str, Any] = {"policy": recipe.policy(), **_normalisation(recipe)}
    if recipe.train.repeats > 1:
        said["repeats"] = recipe.train.repeats
    if "transform" not in rest:
        said["transform"] = train_transform(recipe.train, rest.pop("image_size", None))
    return {**said, **rest}


def val_arguments(recipe: Recipe, overrides: dict[str, Any]) -> dict[str, Any]:
    """What `val_loader` is called with."""
    rest = dict(overrides)
    said = _normalisation(recipe)
    if "transform" not in rest:
        cut = recipe.validation
        size = rest.pop("image_size", cut.image_size)
        resize = rest.pop("resize_size", None)
        if resize is None:
            resize = round(cut.resize_size * (size if isinstance(size, int) else max(size)) / cut.image_size)
        said["transform"] = ValTransform(size, resize, cut.interpolation, cut.antialias)
    return {**said, **rest}


def train_transform(said: Augmentation, image_size: Any = None) -> TrainTransform:
    """The transform of the recipe's `train` section; `image_size` takes the place of the section's."""
    crop, cutout, erasing = said.crop, said.cutout, said.erasing
    window: dict[str, Any] = (
        {"padding": crop.padding}
        if crop.kind == "padded"
        else {"scale": tuple(crop.scale), "ratio": tuple(crop.ratio)}
    )
    return TrainTransform(
        image_size=_size(said) if image_size is None else image_size,
        crop=crop.kind,
        **window,
        interpolation=said.interpolation,
        antialias=said.antialias,
        hflip=said.hflip,
        auto_augment=said.auto_augment,
        color_jitter=None if said.color_jitter is None else tuple(said.color_jitter),
        color_jitter_prob=said.color_jitter_prob,
        grayscale=said.grayscale,
        solarize=said.solarize,
        gaussian_blur=said.gaussian_blur,
        blur_sigma=tuple(said.blur_sigma),
        lighting=said.lighting,
        cutout=None if cutout is None else Cutout(cutout.size, cutout.prob),
        random_erasing=None
        if erasing is None
        else RandomErasing(
            prob=erasing.prob,
            mode=erasing.mode,
            area=tuple(erasing.area),
            ratio=tuple(erasing.ratio),
            count=erasing.count,
            place=erasing.place,
        ),
    )


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


def _size(said: Augmentation) -> Any:
    if said.size_schedule is not None:
        knots = tuple((epoch, pixels) for epoch, pixels in said.size_schedule.knots)
        return SizeSchedule(knots, said.size_schedule.multiple)
    if said.multi_scale is not None:
        return MultiScale(tuple(said.multi_scale.sizes), said.multi_scale.every)
    return said.image_size


def _normalisation(recipe: Recipe) -> dict[str, Any]:
    return {
        "mean": tuple(255 * value for value in recipe.normalise.mean),
        "std": tuple(255 * value for value in recipe.normalise.std),
    }
