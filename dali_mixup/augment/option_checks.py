"""Checks of a training transform's options that are several numbers; TypeError and ValueError as in `_checks`."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from dali_mixup._checks import integer, number
from dali_mixup.augment.operations import Kernel
from dali_mixup.augment.photometric import MOST_FACTOR

if TYPE_CHECKING:
    from dali_mixup.augment.train import TrainTransform


def jitter_amounts(owner: str, given: Any) -> tuple[float, float, float, float]:
    """(brightness, contrast, saturation, hue), zeros for those that are off."""
    if given is None:
        return 0.0, 0.0, 0.0, 0.0
    amounts = tuple(given) if isinstance(given, tuple | list) else (given,) * 3
    if len(amounts) not in (3, 4):
        raise ValueError(
            f"{owner}: color_jitter={given!r}, expected a number, (brightness, contrast, saturation) or these and hue"
        )
    brightness, contrast, saturation = (
        number(owner, "color_jitter", x, at_least=0, at_most=MOST_FACTOR) for x in amounts[:3]
    )
    hue = number(owner, "hue of color_jitter", amounts[3], at_least=0, at_most=0.5) if amounts[3:] else 0.0
    return brightness, contrast, saturation, hue


def rgb(owner: str, fill: Any) -> tuple[int, ...]:
    """(r, g, b) in 0..255."""
    if not isinstance(fill, tuple | list) or len(fill) != 3:
        raise TypeError(f"{owner}: fill={fill!r}, expected (r, g, b)")
    return tuple(integer(owner, "fill", channel, at_least=0, at_most=255) for channel in fill)


def quality_range(owner: str, given: Any) -> tuple[int, int]:
    """(low, high) qualities of JPEG, 1 to 100."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise TypeError(f"{owner}: jpeg_quality={given!r}, expected (low, high)")
    low = integer(owner, "jpeg_quality[0]", given[0], at_least=1, at_most=100)
    return low, integer(owner, "jpeg_quality[1]", given[1], at_least=low, at_most=100)


def refuse_idle(owner: str, transform: TrainTransform) -> None:
    """Raise ValueError for an option that was given a value although what it belongs to is off."""
    usual = {field.name: field.default for field in fields(transform)}
    jitters = any(jitter_amounts(owner, transform.color_jitter))
    for name, switch, on in (
        ("color_jitter_prob", "color_jitter", jitters),
        ("blur_sigma", "gaussian_blur", transform.gaussian_blur),
        ("jpeg_quality", "jpeg", transform.jpeg),
    ):
        given = getattr(transform, name)
        if not on and given != usual[name]:
            raise ValueError(
                f"{owner}: {name}={given!r} has no effect with {switch}={getattr(transform, switch)!r}; give {switch} "
                f"too, or leave {name} at its default, {usual[name]!r}"
            )
    moves = any(Kernel.AFFINE in layer for stage in transform.stages for layer in stage.layers)
    if transform.fill is not None and not moves:
        border = "; the border of a padded crop is black, or padding_mode='reflect'"
        raise ValueError(
            f"{owner}: fill={transform.fill!r} is the colour of pixels that rotations, shears and shifts bring in, and "
            f"auto_augment={transform.auto_augment!r} has none of these; give one that has, or leave fill out"
            f"{border if transform.crop == 'padded' else ''}"
        )
