"""Whether mean and std can be those of pixels of a kind: where not, they are most often meant for another scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dali_mixup._graph.pixel_kind import USUAL

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # 255 * (0.485, 0.456, 0.406)
IMAGENET_STD = (58.395, 57.12, 57.375)  # 255 * (0.229, 0.224, 0.225)

_MOST_STD = 10
"""White, so many times: images divided by more are nothing but 0. Some divide by 255, 256 or twice that."""


def misfit(mean: Sequence[float], std: Sequence[float], bits: int) -> str:
    """Why mean and std cannot be those of pixels of so many bits, and what to give instead; "" if they can."""
    most = 2**bits - 1
    expected = f"pixels here are 0..{most}, expected the mean and deviation of your data on that scale"
    if min(mean) < 0:
        return f"which has a mean below 0; {expected}"
    if bits != USUAL.bits and (_of_eight_bits(mean) or _of_eight_bits(std)):
        return f"which are for images in 0..255; {expected}"
    if reason := for_unit_scale(mean, std, most):
        return reason
    large = ["mean"] * (max(mean) > most) + ["std"] * (max(std) > _MOST_STD * most)
    if large:
        sixteen = "; if the numbers are of 16 bits, give bits=16 too, or divide them by 257"
        return f"too large a {' and '.join(large)}: {expected}{sixteen if bits == USUAL.bits else ''}"
    return ""


def for_unit_scale(mean: Sequence[float], std: Sequence[float], most: int) -> str:
    """What to give instead of mean or std that can only be meant for images in 0..1, because none in 0..`most` is so
    dark or so uniform; "" if neither is."""
    if min(std) >= 1 and not 0 < max(mean) <= 1:
        return ""
    # Of numbers in 0..most with that mean no std is larger (Bhatia and Davis 2000). Beside a small mean, a std of 1 is
    # one of images in 0..1 too.
    if all(s > 1 and s * s <= m * (most - m) for m, s in zip(mean, std, strict=True)):
        return ""
    of_mean, of_std = max(mean) <= 1, min(std) <= 1
    which = "which are" if of_mean and of_std else f"of which {'mean' if of_mean else 'std'} is"
    wanted = [
        tuple(round(most * value, 3) for value in values) if of_unit else tuple(values)
        for values, of_unit in ((mean, of_mean), (std, of_std))
    ]
    return (
        f"{which} for images in 0..1; for pixels in 0..{most} give {most} times as much: mean={wanted[0]}, "
        f"std={wanted[1]}"
    )


def _of_eight_bits(values: Sequence[float]) -> bool:
    """True for the numbers that are in common use for images in 0..255: ImageNet's, however rounded, and the middle."""
    if all(value == 127.5 for value in values):
        return True
    known = (IMAGENET_MEAN, IMAGENET_STD) if len(values) == 3 else ()
    return any(np.allclose(values, each, rtol=0.01) for each in known)
