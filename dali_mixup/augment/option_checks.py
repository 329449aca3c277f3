"""Checks of a training transform's options that are several numbers; TypeError and ValueError as in `_checks`."""

from __future__ import annotations

from typing import Any

from dali_mixup._checks import integer, number


def jitter_amounts(owner: str, given: Any) -> tuple[float, float, float, float]:
    """(brightness, contrast, saturation, hue), zeros for those that are off."""
    if given is None:
        return 0.0, 0.0, 0.0, 0.0
    amounts = tuple(given) if isinstance(given, tuple | list) else (given,) * 3
    if len(amounts) not in (3, 4):
        raise ValueError(
            f"{owner}: color_jitter={given!r}, expected a number, (brightness, contrast, saturation) or these and hue"
        )
    brightness, contrast, saturation = (number(owner, "color_jitter", x, at_least=0) for x in amounts[:3])
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
