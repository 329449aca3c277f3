"""Images resized: to a size and flipped, or to a shorter side with the rounding of torchvision and timm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.decode import INTERPOLATIONS, Backend

INT64 = types.DALIDataType.INT64
FLOAT = types.DALIDataType.FLOAT
DOUBLE = types.DALIDataType.FLOAT64


@dataclass(frozen=True)
class Flips:
    """Which samples are flipped.

    Attributes:
        horizontal, vertical: () int32 on the CPU, 1 where a sample is flipped left to right, or upside down; None: no
            sample is.
    """

    horizontal: DataNode | None
    vertical: DataNode | None

    @property
    def bits(self) -> DataNode | None:
        """() int32, horizontal + 2 vertical; None: no sample is flipped."""
        if self.vertical is None:
            return self.horizontal
        upside_down = self.vertical * 2
        return upside_down if self.horizontal is None else self.horizontal + upside_down

    def of(self, images: DataNode) -> DataNode:
        """The images, (h, w, 3) HWC, flipped."""
        if self.horizontal is None and self.vertical is None:
            return images
        horizontal, vertical = (0 if node is None else node for node in (self.horizontal, self.vertical))
        return fn.flip(images, horizontal=horizontal, vertical=vertical)


_STRIP = 8
"""Ratio of the sides beyond which an image is a strip."""


def resized_and_flipped(
    images: DataNode,
    backend: Backend,
    size: tuple[int, int] | DataNode,
    interpolation: str,
    antialias: bool,
    flips: Flips,
) -> DataNode:
    """(h, w, C) HWC images of the type that is given.

    Args:
        size: (h, w), or a CPU node of (2,) float32 if it changes with the batch.
    """
    if kernels_resize(backend, interpolation, antialias):
        from dali_mixup._cpu.operators import resized

        return resized(images, size, interpolation, flips.bits)
    images = fn.resize(
        images,
        size=size if isinstance(size, DataNode) else list(size),
        interp_type=INTERPOLATIONS[interpolation],
        antialias=antialias,
    )
    return flips.of(images)


def kernels_resize(backend: Backend, interpolation: str, antialias: bool) -> bool:
    """True if the compiled kernels do the resizing. Without a low-pass DALI's bicubic kernel is a different one, and
    "nearest" has nothing to gain."""
    return backend.compiled and antialias and interpolation != "nearest"


def shorter_side(before: DataNode, shorter: int) -> DataNode:
    """(h, w) int64 on the CPU: the size that an image of `before` has with a shorter side of `shorter` pixels.

    torchvision truncates the longer side, int(shorter * longer / shorter before), where DALI's
    resize_shorter would round it: a pixel more for half of all photographs, and other pixels everywhere.
    """
    return before * shorter // fn.reductions.min(before)


def resized_for_window(
    images: DataNode,
    before: DataNode,
    shape: DataNode,
    start: DataNode,
    size: DataNode,
    resize: dict[str, Any],
) -> tuple[DataNode, DataNode, DataNode]:
    """(images, shape, start): images (H, W, C) HWC resized from `before` to `shape`, of which a window of `size`
    at `start` will be kept; their (H, W) and the window's (y, x), int64 on the CPU.

    For strips only the part in the window is resized: a line of 20000 pixels, 256 pixels high, would be a picture of
    1.3 billion. All other images are resized whole, which gives torchvision's pixels exactly; a part may differ by one
    grey level.
    """
    low = math.clamp(start, 0, shape - 1)
    high = math.max(math.min(start + size, shape), low + 1)
    strip = fn.cast(fn.reductions.max(before) > _STRIP * fn.reductions.min(before), dtype=INT64)
    scale = fn.cast(before, dtype=DOUBLE) / shape
    images = fn.resize(
        images,
        size=fn.cast(shape + (high - low - shape) * strip, dtype=FLOAT),
        roi_start=fn.cast(low * scale * strip, dtype=FLOAT),
        roi_end=fn.cast(before + (high * scale - before) * strip, dtype=FLOAT),
        **resize,
    )
    return images, shape + (high - low - shape) * strip, start - low * strip
