"""The crops of a training transform by name, and which options belong to each."""

from __future__ import annotations

from typing import Any, Literal, get_args

from dali_mixup._checks import choice, integer
from dali_mixup.augment.erasing import checked_range
from dali_mixup.augment.sizes import MOST_SIDE, ImageSize, MultiScale, SizeSchedule, size_of

Crop = Literal["resized", "padded", "rkrc", "rkrr"]
CROPS: tuple[str, ...] = get_args(Crop)

SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)  # torchvision's and timm's
KEPT_SCALE, KEPT_RATIO = (0.8, 1.0), (0.9, 1 / 0.9)  # timm's
PADDING = 4
PaddingMode = Literal["constant", "reflect"]  # torchvision's words
# What is reflected is then less than the image, at every size from 8 pixels on.
MOST_RATIO, LEAST_SIDE = 2.0, 8

Range = tuple[float, float]


def keeps_ratio(crop: str) -> bool:
    """True for timm's crops of an image that keeps, more or less, its ratio."""
    return crop in ("rkrc", "rkrr")


def usual_ranges(crop: str) -> tuple[Range, Range]:
    """(scale, ratio) of a crop for which none are given."""
    return (KEPT_SCALE, KEPT_RATIO) if keeps_ratio(crop) else (SCALE, RATIO)


def checked_crop(
    owner: str, crop: Any, image_size: ImageSize, scale: Any, ratio: Any, padding: Any, padding_mode: Any
) -> tuple[Range | None, Range | None, int]:
    """(scale, ratio, padding) of a crop as they are given, None included, which `usual_ranges` stand for.

    Raises:
        TypeError, ValueError: an unknown crop; values out of range; an option of another crop.
    """
    choice(owner, "crop", crop, CROPS)
    if crop != "resized" and isinstance(image_size, SizeSchedule | MultiScale):
        raise ValueError(f"{owner}: crop={crop!r} needs one image_size, not {image_size!r}")
    area = None if scale is None else checked_range(owner, "scale", scale, 1.0)
    shape = None if ratio is None else checked_range(owner, "ratio", ratio)
    border = integer(owner, "padding", padding, at_least=0, at_most=MOST_SIDE)
    choice(owner, "padding_mode", padding_mode, get_args(PaddingMode))
    foreign: list[tuple[str, Any, Any]] = [
        ("padding", border, PADDING),
        ("padding_mode", padding_mode, "constant"),
    ]
    if crop == "padded":
        foreign = [("scale", area or SCALE, SCALE), ("ratio", shape or RATIO, RATIO)]
    for name, given, default in foreign:
        if given != default:
            raise ValueError(f"{owner}: {name}={given!r} belongs to another kind of crop; crop is {crop!r}")
    most = min(size_of(image_size)) - 3
    if padding_mode == "reflect" and border > most:
        less = f", or a padding of at most {most}" if most >= 0 else ""
        raise ValueError(
            f"{owner}: padding={border} with padding_mode='reflect' and image_size={image_size!r}, expected sides of "
            f"at least {border + 3} pixels, the padding and 3 more{less}"
        )
    if keeps_ratio(crop):
        _check_ratio(owner, crop, size_of(image_size), shape or KEPT_RATIO)
    return area, shape, border


def _check_ratio(owner: str, crop: str, size: tuple[int, int], ratio: Range) -> None:
    if ratio[0] < 1 / MOST_RATIO or ratio[1] > MOST_RATIO:
        raise ValueError(
            f"{owner}: ratio={ratio!r}, expected {1 / MOST_RATIO:g} <= low <= high <= {MOST_RATIO:g} with "
            f"crop={crop!r}, which changes the image's own ratio by this factor"
        )
    if min(size) < LEAST_SIDE:
        raise ValueError(f"{owner}: image_size={size!r}, expected sides >= {LEAST_SIDE} with crop={crop!r}")
