"""Which operations of a transform apply to which pixels: all of them to RGB of 8 bits, those that only move or smooth
pixels to any, and tone curves to 8 bits of any number of channels. NumPy only."""

from __future__ import annotations

from typing import Any

from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup.augment.operations import MOST_SIGMA, Kernel
from dali_mixup.augment.stage import Composition
from dali_mixup.augment.train import TrainTransform

_OF_ANY_PIXELS = frozenset({Kernel.NONE, Kernel.AFFINE, Kernel.BLUR})
_OF_EIGHT_BITS = _OF_ANY_PIXELS | {
    Kernel.BRIGHTNESS,
    Kernel.SHARPNESS,
    Kernel.POSTERIZE,
    Kernel.SOLARIZE,
    Kernel.SOLARIZE_ADD,
    Kernel.AUTOCONTRAST,
    Kernel.EQUALIZE,
}
_OF_GREY = _OF_EIGHT_BITS | {Kernel.CONTRAST}

OPTIONS = (
    "auto_augment",
    "color_jitter",
    "photometric_distort",
    "grayscale",
    "solarize",
    "gaussian_blur",
    "lighting",
    "jpeg",
)
"""Arguments of a transform that make stages."""

_LONGEST_WINDOW = 511
"""Of a blur's window in pixels, times the channels, on a GPU (DALI's convolution_gpu.h)."""


def kernels_for(kind: PixelKind) -> frozenset[Kernel]:
    """The kernels that apply to pixels of that kind."""
    if kind.bits != USUAL.bits:
        return _OF_ANY_PIXELS
    return {1: _OF_GREY, 3: frozenset(Kernel)}.get(kind.channels, _OF_EIGHT_BITS)


def widest_blur(channels: int) -> float:
    """The largest sigma in pixels with which a GPU blurs images of so many channels: the window has 2 ceil(3 sigma) + 1
    pixels."""
    return min(MOST_SIGMA, ((_LONGEST_WINDOW // channels - 1) // 2) / 3)


def refuse_operations(owner: str, transform: Any, kind: PixelKind) -> None:
    """Raise ValueError for a transform with operations that do not apply to pixels of that kind, with their names."""
    if kind.usual or not isinstance(transform, TrainTransform):
        return
    expected = f"but output has {kind}; leave it out"
    allowed = kernels_for(kind)
    if foreign := _kernels(transform) - allowed:
        for name in OPTIONS:
            alone = _kernels(TrainTransform(32, **{name: getattr(transform, name)}))
            if alone & foreign:
                raise ValueError(
                    f"{owner}: {name}={getattr(transform, name)!r} ({_names(alone & foreign)}) is for 3 channels of 8 "
                    f"bits, {expected}"
                )
        raise ValueError(
            f"{owner}: a stage of the transform ({_names(foreign)}) is for 3 channels of 8 bits, {expected}"
        )
    if any(isinstance(stage, Composition) for stage in transform.draws.stages):
        raise ValueError(f"{owner}: AugMix and PixMix are for 3 channels of 8 bits, {expected}")
    if transform.fill is not None:
        raise ValueError(
            f"{owner}: fill={transform.fill} is a colour of 3 channels of 8 bits, {expected}: pixels from outside are 0"
        )
    widest = widest_blur(kind.channels)
    for stage in transform.draws.stages:
        high = getattr(stage, "high", 0.0)
        if any(Kernel.BLUR in layer for layer in stage.layers) and high > widest:
            raise ValueError(
                f"{owner}: a blur with a sigma of up to {high:g} pixels, but output has {kind}, of which a GPU "
                f"blurs at most with {widest:.3g}; give a smaller blur_sigma"
            )


def _kernels(transform: TrainTransform) -> frozenset[Kernel]:
    return frozenset().union(*transform.draws.layers)


def _names(kernels: frozenset[Kernel]) -> str:
    return ", ".join(sorted(kernel.name.lower() for kernel in kernels))
