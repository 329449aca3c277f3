"""A recipe's `train` section as the transform it describes. Needs DALI, not torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dali_mixup.augment import Cutout, MultiScale, RandomErasing, SizeSchedule, TrainTransform

if TYPE_CHECKING:
    from dali_mixup.recipes.augmentation import Augmentation


def train_transform(said: Augmentation, image_size: Any = None) -> TrainTransform:
    """The transform of the recipe's `train` section; `image_size` takes the place of the section's."""
    crop, cutout, erasing = said.crop, said.cutout, said.erasing
    window: dict[str, Any] = (
        {"padding": crop.padding}
        if crop.kind == "padded"
        else {"scale": _pair(crop.scale), "ratio": _pair(crop.ratio)}
    )
    return TrainTransform(
        image_size=_size(said) if image_size is None else image_size,
        crop=crop.kind,
        **window,
        interpolation=said.interpolation,
        antialias=said.antialias,
        hflip=said.hflip,
        auto_augment=said.auto_augment,
        fill=None if said.fill is None else (said.fill[0], said.fill[1], said.fill[2]),
        color_jitter=None if said.color_jitter is None else tuple(said.color_jitter),
        color_jitter_prob=said.color_jitter_prob,
        grayscale=said.grayscale,
        solarize=said.solarize,
        gaussian_blur=said.gaussian_blur,
        blur_sigma=_pair(said.blur_sigma),
        lighting=said.lighting,
        cutout=None if cutout is None else Cutout(cutout.size, cutout.prob),
        random_erasing=None
        if erasing is None
        else RandomErasing(
            prob=erasing.prob,
            mode=erasing.mode,
            area=_pair(erasing.area),
            ratio=_pair(erasing.ratio),
            count=erasing.count,
            place=erasing.place,
        ),
    )


def _size(said: Augmentation) -> Any:
    if said.size_schedule is not None:
        knots = tuple((epoch, pixels) for epoch, pixels in said.size_schedule.knots)
        return SizeSchedule(knots, said.size_schedule.multiple)
    if said.multi_scale is not None:
        return MultiScale(tuple(said.multi_scale.sizes), said.multi_scale.every)
    return said.image_size


def _pair(values: list[float]) -> tuple[float, float]:
    return values[0], values[1]
