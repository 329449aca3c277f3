"""The training transform: a random window of each image, resized, flipped and augmented at random. A description,
which needs only NumPy; `train_graph` has the operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dali_mixup._checks import boolean, choice, number
from dali_mixup.augment.colour import ColourJitter, Lighting
from dali_mixup.augment.crop_options import (
    PADDING,
    Crop,
    PaddingMode,
    Range,
    checked_crop,
    keeps_ratio,
    usual_ranges,
)
from dali_mixup.augment.draws import TransformDraws
from dali_mixup.augment.erasing import Cutout, RandomErasing, checked_range
from dali_mixup.augment.extra import ONLY_IN_PYTHON, PLACES, Extra, checked_extras
from dali_mixup.augment.interpolation import INTERPOLATIONS, Interpolation
from dali_mixup.augment.maps import cut_out, moved
from dali_mixup.augment.operations import MOST_SIGMA
from dali_mixup.augment.option_checks import jitter_amounts, quality_range, refuse_idle, rgb
from dali_mixup.augment.parse import auto_augmentation
from dali_mixup.augment.photometric import PhotometricDistort
from dali_mixup.augment.pixmix import PixMix
from dali_mixup.augment.sizes import ImageSize, MultiScale, SizeSchedule, checked_size, size_of
from dali_mixup.augment.stage import Chance, Stage, check_stages
from dali_mixup.augment.windows import Windows, training_windows

if TYPE_CHECKING:
    import numpy as np
    from nvidia.dali.data_node import DataNode

    from dali_mixup._graph.decode import Stored


@dataclass(frozen=True)
class TrainTransform:
    """torchvision's RandomResizedCrop and RandomHorizontalFlip, with its laws and defaults, and further options.

    The order is that of the fields: crop, flips, auto_augment, color_jitter, photometric_distort, grayscale,
    gaussian_blur, solarize, lighting, jpeg, pixmix, cutout, random_erasing before mixing; then mixing and normalising;
    then random_erasing after mixing. An option that is off adds no operator.

    Args:
        image_size: of the result in pixels, one number, (height, width), `SizeSchedule` or `MultiScale`.
        crop: "resized", a random window resized; "padded", a window of image_size from the image with a border
            (the image's shorter side first resized to image_size): CIFAR's; "rkrc" and "rkrr", timm's: the image
            resized to cover image_size, half of the time up to 1 / scale times its area, half of the time with
            its own ratio changed, then the centre or a random place of it, with reflected borders.
        scale: (low, high), 0 < low <= high <= 1: share of the image's area that a window covers, uniform; None:
            torchvision's (0.08, 1), of "rkrc" and "rkrr" timm's (0.8, 1).
        ratio: (low, high), 0 < low <= high, log-uniform: width / height of a resized window; of "rkrc" and "rkrr" the
            factor by which the image's own changes, 0.5 to 2. None: (3/4, 4/3) and (0.9, 1/0.9).
        padding: border of a padded crop in pixels, 0 to 16,384.
        padding_mode: of a padded crop, "constant", black, or "reflect".
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos"; of auto_augment bilinear for the last two.
        antialias: low-pass before shrinking, as Pillow does and torchvision does by default.
        hflip, vflip: in [0, 1], the probability that an image is flipped left to right, upside down.
        auto_augment: timm's "rand-m9-mstd0.5-inc1" and relatives, see `auto_augmentation`; None: none.
        fill: (r, g, b) in 0..255 of pixels that auto_augment brings in, not of a crop's border; None: as the string's
            own library does.
        color_jitter: brightness, contrast, saturation and optionally hue as in torchvision's ColorJitter, >= 0, hue at
            most 0.5; one number x stands for (x, x, x). timm leaves it out beside auto_augment, this does not.
        color_jitter_prob: in [0, 1], the probability that an image is jittered.
        photometric_distort: a `PhotometricDistort`; None: none.
        grayscale, gaussian_blur, solarize: in [0, 1], the probability that an image is made grey, blurred, inverted
            from 128 on.
        blur_sigma: (low, high), 0 < low <= high <= 28, pixels, uniform.
        lighting: deviation of AlexNet's PCA noise, >= 0; 0.1 in the papers.
        jpeg: in [0, 1], the probability that an image is compressed to a JPEG and decoded.
        jpeg_quality: (low, high), 1 <= low <= high <= 100, whole numbers, each equally likely.
        pixmix: a `PixMix`, whose pictures are the loader's `HandOver(unlabelled=...)`; None: none.
        cutout, random_erasing: a `Cutout`, a `RandomErasing`; None: none.
        extra: functions of your own, a list of `Extra`; of one place in their order.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    image_size: ImageSize = 224
    crop: Crop = "resized"
    scale: Range | None = None
    ratio: Range | None = None
    padding: int = PADDING
    padding_mode: PaddingMode = "constant"
    interpolation: Interpolation = "bilinear"
    antialias: bool = True
    hflip: float = 0.5
    vflip: float = 0.0
    auto_augment: str | None = None
    fill: tuple[int, int, int] | None = None
    color_jitter: float | tuple[float, ...] | None = None
    color_jitter_prob: float = 1.0
    photometric_distort: PhotometricDistort | None = None
    grayscale: float = 0.0
    gaussian_blur: float = 0.0
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarize: float = 0.0
    lighting: float = 0.0
    jpeg: float = 0.0
    jpeg_quality: tuple[int, int] = (5, 50)
    pixmix: PixMix | None = None
    cutout: Cutout | None = None
    random_erasing: RandomErasing | None = None
    extra: Sequence[Extra] = field(default=(), metadata=ONLY_IN_PYTHON)

    def __post_init__(self) -> None:
        owner = "TrainTransform"
        object.__setattr__(self, "image_size", checked_size(owner, self.image_size))
        options = checked_crop(
            owner, self.crop, self.image_size, self.scale, self.ratio, self.padding, self.padding_mode
        )
        for name, value in zip(("scale", "ratio", "padding"), options, strict=True):
            object.__setattr__(self, name, value)
        object.__setattr__(
            self, "blur_sigma", checked_range(owner, "blur_sigma", self.blur_sigma, MOST_SIGMA)
        )
        object.__setattr__(self, "antialias", boolean(owner, "antialias", self.antialias))
        choice(owner, "interpolation", self.interpolation, INTERPOLATIONS)
        for name in ("hflip", "vflip", "color_jitter_prob", "grayscale", "gaussian_blur", "solarize", "jpeg"):
            object.__setattr__(self, name, number(owner, name, getattr(self, name), at_least=0, at_most=1))
        object.__setattr__(self, "lighting", number(owner, "lighting", self.lighting, at_least=0))
        object.__setattr__(self, "jpeg_quality", quality_range(owner, self.jpeg_quality))
        for name, kind in (
            ("photometric_distort", PhotometricDistort),
            ("pixmix", PixMix),
            ("cutout", Cutout),
            ("random_erasing", RandomErasing),
        ):
            if not isinstance(getattr(self, name), kind | None):
                raise TypeError(
                    f"{owner}: {name}={getattr(self, name)!r}, expected a {kind.__name__} or None"
                )
        if self.fill is not None:
            object.__setattr__(self, "fill", rgb(owner, self.fill))
        amounts = jitter_amounts(owner, self.color_jitter)
        if isinstance(self.color_jitter, tuple | list):
            object.__setattr__(self, "color_jitter", amounts[: len(self.color_jitter)])
        elif self.color_jitter is not None:
            object.__setattr__(self, "color_jitter", amounts[0])
        check_stages(owner, self.stages)
        refuse_idle(owner, self)
        object.__setattr__(self, "extra", checked_extras(owner, self.extra, PLACES))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the result, the largest where it changes."""
        return size_of(self.image_size)

    @property
    def reflects(self) -> bool:
        """True if pixels from outside the image are reflected."""
        return keeps_ratio(self.crop) or self.padding_mode == "reflect"

    @property
    def ranges(self) -> tuple[Range, Range]:
        """`scale` and `ratio`, and the crop's own where they are None."""
        scale, ratio = usual_ranges(self.crop)
        return self.scale or scale, self.ratio or ratio

    @property
    def resolved(self) -> TrainTransform:
        """The same transform with its `ranges` written out."""
        scale, ratio = self.ranges
        return replace(self, scale=scale, ratio=ratio)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The augmentations between flips and cutout, in this order; one that is off has no layers.

        A subclass adds its own: `(*super().stages, Chance("Invert", self.invert))`.
        """
        named = () if self.auto_augment is None else (auto_augmentation(self.auto_augment)[0],)
        return (
            *named,
            ColourJitter(jitter_amounts("TrainTransform", self.color_jitter), self.color_jitter_prob),
            *(() if self.photometric_distort is None else (self.photometric_distort,)),
            Chance("Color", self.grayscale),
            Chance("GaussianBlur", self.gaussian_blur, *self.blur_sigma),
            Chance("Solarize", self.solarize, 128, 128),
            Lighting(self.lighting),
            Chance("JPEG", self.jpeg, self.jpeg_quality[0], self.jpeg_quality[1] + 1),
            *(() if self.pixmix is None else (self.pixmix,)),
        )

    @cached_property
    def draws(self) -> TransformDraws:
        """The decisions that are made for each batch outside the graph."""
        size = self.image_size if isinstance(self.image_size, SizeSchedule | MultiScale) else self.size
        used = tuple(stage for stage in self.stages if stage.layers)
        return TransformDraws(size, used, self.cutout, self.random_erasing)

    @property
    def window_names(self) -> tuple[str, ...]:
        """Names of the arrays of the `Windows` that the graph reads."""
        shape = () if self.crop == "padded" else ("window_shape",)
        return ("window_start", *shape, "window_flipped", *(("window_upside_down",) if self.vflip else ()))

    def maps(
        self,
        masks: Sequence[np.ndarray | None],
        sizes: np.ndarray,
        outside: int,
        *,
        seed: int,
        rank: int,
        epoch: int,
        step: int,
        window_seed: int | None = None,
    ) -> tuple[np.ndarray, Windows]:
        """The masks of a batch after the window, flips and affine operations that their images get, and the windows and
        flips, which the graph then takes from `nodes`.

        Args:
            masks: (H, W) uint8 each; None: an image without one.
            sizes: (N, 2) height and width of the images.
            outside: the value of pixels from outside.
            window_seed: of the windows and flips; None: `seed`.

        Returns:
            (N, h, w) uint8 and the `Windows`.
        """
        address = {"rank": rank, "epoch": epoch, "step": step}
        size = self.draws.size_at(seed, epoch, step)
        windows = training_windows(
            self, sizes, size, seed=seed if window_seed is None else window_seed, **address
        )
        ids = cut_out(masks, windows, size, outside)
        return moved(ids, self.draws, outside, seed=seed, **address), windows

    def windows(
        self, stored: Stored, seeds: Iterator[int], nodes: Mapping[str, DataNode]
    ) -> dict[str, DataNode]:
        """The windows and flips of a batch's images, drawn in the graph: the nodes of `window_names`, of which that of
        the flip is missing if nothing is flipped.

        Args:
            stored: the images, whose shapes the windows are made from.
            seeds: gives each random operator its own.
            nodes: those that are given already, if the images have masks.
        """
        from dali_mixup.augment.cropping import drawn_windows

        return drawn_windows(self, stored, seeds, nodes)

    def graph(
        self,
        stored: Stored,
        seeds: Iterator[int],
        nodes: Mapping[str, DataNode],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> tuple[DataNode, dict[str, Any]]:
        """(height, width, C) HWC images as of `decode.mixable`: everything before mixing; no window of them.

        Args:
            seeds: gives each random operator its own.
            nodes: the arrays of `draws` and `windows`, on the CPU; and "size", (2,) float32, if it changes with the
                batch, or if these are only a part of the batch's rows.
            mean, std: (C,) of the normalisation that follows, in units of the decoded pixels.
        """
        from dali_mixup.augment.train_graph import before_mix

        return before_mix(self, stored, seeds, nodes, mean, std), {}

    def after_mix(
        self,
        images: DataNode,
        seeds: Iterator[int],
        nodes: Mapping[str, DataNode],
        layout: str,
        channels: int,
    ) -> DataNode:
        """Normalised images after the operations that follow mixing; float32 if `changes_after_mix`."""
        from dali_mixup.augment.train_graph import after_mix

        return after_mix(self, images, seeds, nodes, layout, channels)

    @property
    def changes_after_mix(self) -> bool:
        """True if `after_mix` does something, for which it needs float32."""
        erases = self.random_erasing is not None and self.random_erasing.place == "after_mix"
        return erases or any(one.place == "after_mix" for one in self.extra)
