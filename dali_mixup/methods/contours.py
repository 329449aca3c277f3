"""Masks that are 1 on the highest pixels of an image: FMix's.

A mask is kept as the image, on a grid of points, and the number of pixels; what it looks like is worked out when it is
asked for. All of it is arithmetic of whole numbers, so every engine finds the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dali_mixup._checks import integer
from dali_mixup._equality import EqualByContent
from dali_mixup.methods.masks import Bits, Levels, array

AT_ONCE = 8  # images that are worked out together: their pixels stay in a core's cache
HIGHEST = 32767  # that int16 holds, in which pixels are worked out
SAMPLED = 3000  # pixels, about, from which the least of the highest is guessed
MARGIN = 8  # places in their order by which the guess may be off


@dataclass(frozen=True, eq=False)
class Contours(EqualByContent):
    """n masks, each 1 on the `counts` highest pixels of an image that is bilinear between the points of a grid, 0
    elsewhere; of pixels equally high those come first that come first in memory.

    With r = y mod s and q = x mod s of the stride s, pixel (y, x) is as high as (s - r) (s - q) g + (s - r) q g_right +
    r (s - q) g_below + r q g_beyond, of the grid's points around it.

    Attributes:
        heights: (n, (H - 1) // s + 2, (W - 1) // s + 2) int16, the grid; of sizes up to 32767 // s^2.
        counts: (n,) int64 in [0, H W].
        stride: s, pixels between two points, >= 1.
        height, width: H and W in pixels, >= 1.

    Raises:
        TypeError, ValueError: anything else.
    """

    heights: np.ndarray
    counts: np.ndarray
    stride: int
    height: int
    width: int

    def __post_init__(self) -> None:
        for name in ("stride", "height", "width"):
            object.__setattr__(self, name, integer("Contours", name, getattr(self, name), at_least=1))
        for name in ("heights", "counts"):
            array("Contours", name, getattr(self, name))
        size = grid_size(self.height, self.width, self.stride)
        shape = (len(self.counts) if self.counts.ndim else 0, *size)
        if self.heights.dtype != np.int16 or self.heights.shape != shape:
            raise ValueError(
                f"Contours: heights of {self.heights.dtype} and shape {self.heights.shape}, with "
                f"height={self.height}, width={self.width}, stride={self.stride} and {self.counts.shape} counts; "
                f"expected int16 and {('n', *size)}, a grid for each count"
            )
        if self.counts.dtype != np.int64 or self.counts.ndim != 1:
            raise ValueError(
                f"Contours: counts of {self.counts.dtype} and shape {self.counts.shape}; expected int64 and (n,)"
            )
        most, pixels = HIGHEST // self.stride**2, self.height * self.width
        if self.heights.size and max(self.heights.max(), -int(self.heights.min())) > most:
            raise ValueError(
                f"Contours: heights from {self.heights.min()} to {self.heights.max()}; expected sizes up to 32767 // "
                f"stride^2 = {most}"
            )
        if self.counts.size and not 0 <= self.counts.min() <= self.counts.max() <= pixels:
            raise ValueError(
                f"Contours: counts from {self.counts.min()} to {self.counts.max()}; expected numbers of pixels, "
                f"0 to {pixels}"
            )

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, index: Any) -> np.ndarray:
        """(..., H, W) uint8."""
        return self.bits[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.bits.__array__(dtype, copy)

    def __getstate__(self) -> dict[str, Any]:
        # The bits take more bytes than what they are worked out from.
        return {name: value for name, value in self.__dict__.items() if name != "bits"}

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, H, W)."""
        return len(self.counts), self.height, self.width

    @cached_property
    def bits(self) -> Bits:
        """The masks as bits, worked out once."""
        packed = np.empty((len(self), self.height, -(-self.width // 8)), np.uint8)
        for first in range(0, len(self), AT_ONCE):
            values = pixels(self.heights[first : first + AT_ONCE], self.stride, self.height, self.width)
            for i, image in enumerate(values, first):
                packed[i] = np.packbits(highest(image, int(self.counts[i])), axis=1)
        return Bits(packed, self.width)


def as_levels(masks: Bits | Contours | Levels) -> Levels:
    """Masks in steps of 1 / 255."""
    return masks if isinstance(masks, Levels) else Levels(masks[:] * np.uint8(255))


def as_bits(masks: Bits | Contours) -> Bits:
    """Masks of 0 and 1 as bits."""
    return masks if isinstance(masks, Bits) else masks.bits


def grid_size(height: int, width: int, stride: int) -> tuple[int, int]:
    """The numbers of points down and across."""
    return (height - 1) // stride + 2, (width - 1) // stride + 2


def pixels(grids: np.ndarray, stride: int, height: int, width: int) -> np.ndarray:
    """(..., H, W) int16, how high the pixels are between the points of grids (..., h, w); see `Contours`."""
    lines = np.empty((*grids.shape[:-1], stride * (grids.shape[-1] - 1)), np.int16)
    at, step = grids[..., :-1] * np.int16(stride), grids[..., 1:] - grids[..., :-1]
    for q in range(stride):
        lines[..., q::stride] = at
        at += step
    made = np.empty((*lines.shape[:-2], stride * (lines.shape[-2] - 1), lines.shape[-1]), np.int16)
    at, step = lines[..., :-1, :] * np.int16(stride), lines[..., 1:, :] - lines[..., :-1, :]
    for r in range(stride):
        made[..., r::stride, :] = at
        at += step
    return made[..., :height, :width]


def highest(values: np.ndarray, count: int) -> np.ndarray:
    """(H, W) bool, True at the `count` highest of the pixels (H, W) int16, of equal ones at the first."""
    if count in (0, values.size):
        return np.full(values.shape, count > 0)
    low, high = _bracket(values, count)
    mask: np.ndarray = values > high
    between = np.flatnonzero(mask != (values >= low))
    missing = count - int(np.count_nonzero(mask))
    if not 0 <= missing <= len(between):  # the sample misled
        mask, between, missing = np.zeros(values.shape, bool), np.arange(values.size), count
    order = np.argsort(~values.ravel()[between], kind="stable")
    mask.reshape(-1)[between[order[:missing]]] = True
    return mask


def _bracket(values: np.ndarray, count: int) -> tuple[int, int]:
    """(low, high) around the least of the `count` highest values, from a sample of the pixels. Clouds are smooth, so a
    grid of pixels is a better sample than a random one."""
    step = max(1, round((values.size / SAMPLED) ** 0.5))
    some = np.sort(values[::step, ::step], axis=None)
    place = len(some) - 1 - count * len(some) // values.size
    return some[max(place - MARGIN, 0)], some[min(place + MARGIN, len(some) - 1)]


def softened(values: np.ndarray, count: int, soft: int) -> np.ndarray:
    """(H, W) uint8 mask in steps of 1 / 255 (see `Levels`), of mean count / (H W) exactly: 1 on the highest of the
    pixels (H, W) int16, 0 on the lowest, and from 1 to 0 in equal steps on the 2 * soft pixels between them."""
    above, reached = highest(values, count - soft), highest(values, count + soft)
    mask = above * np.uint8(255)
    between = np.flatnonzero(above != reached)
    order = np.argsort(~values.ravel()[between], kind="stable")
    first = np.rint(np.linspace(255.0, 0.0, 2 * soft)[:soft]).astype(np.uint8)
    # The second half mirrors the first, so that rounding does not change the mean.
    mask.reshape(-1)[between[order]] = np.concatenate([first, 255 - first[::-1]])
    return mask
