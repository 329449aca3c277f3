"""The `train` section: what happens to a training image before it is mixed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dali_mixup.recipes.section import Fraction, Interpolation, NotNegative, Pair, Pixels, Section


class Crop(Section):
    """Which part of an image is taken."""

    kind: Literal["resized", "padded"] = Field(
        default="resized",
        description="a random window resized (RandomResizedCrop), or a window of the image with a border",
    )
    scale: Pair = Field(
        default=[0.08, 1.0], description="of kind resized: range of the window's share of the area"
    )
    ratio: Pair = Field(default=[3 / 4, 4 / 3], description="of kind resized: range of width / height")
    padding: Annotated[int, Field(ge=0)] = Field(
        default=4, description="of kind padded: pixels of zeros on each side"
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Crop:
        foreign = {"padded": {"scale", "ratio"}, "resized": {"padding"}}[self.kind] & self.model_fields_set
        if foreign:
            raise ValueError(
                f"{', '.join(sorted(foreign))} belongs to the other kind of crop; kind is {self.kind!r}"
            )
        return self


class SizeSchedule(Section):
    """Progressive resizing: straight lines between the knots, rounded to multiples."""

    knots: Annotated[list[Pair], Field(min_length=1)] = Field(description="[[epoch, pixels], ...]")
    multiple: Annotated[int, Field(ge=1)] = 32


class MultiScale(Section):
    """A random size every epoch or batch, the same on all ranks."""

    sizes: Annotated[list[Pixels], Field(min_length=1)]
    every: Literal["epoch", "batch"] = "epoch"


class Erasing(Section):
    """Random erasing of rectangles (Zhong et al., arXiv 1708.04896)."""

    prob: Fraction
    mode: Literal["const", "rand", "pixel"] = Field(
        default="const",
        description="filled with 0 after normalisation, with one normal draw a channel, or with one per pixel",
    )
    place: Literal["before_mix", "after_mix"] = "before_mix"
    area: Pair = Field(default=[0.02, 1 / 3])
    ratio: Pair = Field(default=[0.3, 10 / 3])
    count: Annotated[int, Field(ge=1)] = 1


class Cutout(Section):
    """A square of zeros (DeVries and Taylor, arXiv 1708.04552)."""

    size: Pixels
    prob: Fraction = 1.0


class Augmentation(Section):
    """What happens to a training image before it is mixed, in this order; see `dali_mixup.augment.TrainTransform`."""

    image_size: Pixels = 224
    size_schedule: SizeSchedule | None = Field(default=None, description="in place of image_size")
    multi_scale: MultiScale | None = Field(default=None, description="in place of image_size")
    crop: Crop = Crop()
    interpolation: Interpolation = "bilinear"
    antialias: bool = True
    hflip: Fraction = 0.5
    auto_augment: str | None = Field(
        default=None,
        description='a timm string such as "rand-m9-mstd0.5-inc1" or "3a", or torchvision\'s "imagenet", "ta_wide"',
    )
    fill: Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)] | None = (
        Field(
            default=None,
            description="colour that auto_augment brings in; none: as the string's own library does",
        )
    )
    color_jitter: Annotated[list[NotNegative], Field(min_length=3, max_length=4)] | None = Field(
        default=None, description="strength of brightness, contrast, saturation and, where given, hue"
    )
    color_jitter_prob: Fraction = 1.0
    grayscale: Fraction = 0.0
    solarize: Fraction = 0.0
    gaussian_blur: Fraction = 0.0
    blur_sigma: Pair = Field(default=[0.1, 2.0])
    lighting: NotNegative = Field(default=0.0, description="standard deviation of AlexNet's PCA noise")
    cutout: Cutout | None = None
    erasing: Erasing | None = None
    repeats: Annotated[int, Field(ge=1)] = Field(
        default=1, description="repeated augmentation: views of a sample an epoch"
    )

    @model_validator(mode="after")
    def _one_size(self) -> Augmentation:
        given = [
            key for key in ("image_size", "size_schedule", "multi_scale") if key in self.model_fields_set
        ]
        given = [key for key in given if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are given; the size is one of them")
        return self

    @model_validator(mode="after")
    def _possible(self) -> Augmentation:
        try:
            from dali_mixup.recipes.transform import train_transform
        except ModuleNotFoundError as error:
            if error.name is not None and error.name.startswith("nvidia"):
                return self  # recipes can be read where DALI is not installed
            raise
        train_transform(self)
        return self

    @property
    def last_size(self) -> int:
        """Pixels at the end of training, or the most there are."""
        if self.size_schedule is not None:
            return round(self.size_schedule.knots[-1][1])
        return self.image_size if self.multi_scale is None else max(self.multi_scale.sizes)
