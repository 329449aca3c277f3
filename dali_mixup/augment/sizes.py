"""The size of training images, fixed or changing with the epoch or batch. A pure function of the batch's address, so
prefetched batches and resumed runs change size at exactly the same batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dali_mixup._checks import MOST_PIXELS, choice, integer, number, pair
from dali_mixup._seeding import Purpose, stream

MOST_SIDE = math.isqrt(MOST_PIXELS)
"""Of a square image."""


@dataclass(frozen=True)
class SizeSchedule:
    """Progressive resizing: the side of square images by epoch.

    Args:
        knots: ((epoch, side), ...) ordered by epoch, joined by straight lines and constant outside; sides from
            `multiple` to 16,384 pixels. ((0, 160), (65, 160), (76, 192)) is FFCV's ramp; ((0, 128), (29, 128),
            (30, 192)) is a step.
        multiple: sides are rounded to the nearest multiple of it (a half to the even one, as FFCV does), >= 1.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    knots: tuple[tuple[float, float], ...]
    multiple: int = 32

    def __post_init__(self) -> None:
        multiple = integer("SizeSchedule", "multiple", self.multiple, at_least=1)
        object.__setattr__(self, "multiple", multiple)
        try:
            given = tuple((epoch, side) for epoch, side in self.knots)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"SizeSchedule: knots={self.knots!r}, expected ((epoch, side), ...), with at least one knot"
            ) from error
        knots = tuple(
            (
                number("SizeSchedule", "epoch of one of the knots", epoch, at_least=0),
                number(
                    "SizeSchedule",
                    f"side of one of the knots (multiple={multiple})",
                    side,
                    at_least=multiple,
                    at_most=MOST_SIDE,
                ),
            )
            for epoch, side in given
        )
        epochs = [epoch for epoch, _ in knots]
        if not knots or epochs != sorted(epochs):
            raise ValueError(
                f"SizeSchedule: knots={self.knots!r}, expected at least one knot, in order of epoch"
            )
        object.__setattr__(self, "knots", knots)

    @property
    def largest(self) -> tuple[int, int]:
        """(height, width) of the largest images."""
        side = max(self._rounded(side) for _, side in self.knots)
        return side, side

    def at(self, seed: int, epoch: int, step: int) -> tuple[int, int]:
        """(height, width) of a batch."""
        epochs, sides = zip(*self.knots, strict=True)
        side = self._rounded(np.interp(epoch, epochs, sides))
        return side, side

    def _rounded(self, side: float) -> int:
        return int(np.round(side / self.multiple)) * self.multiple


@dataclass(frozen=True)
class MultiScale:
    """A random side for square images, the same on all ranks.

    Args:
        sizes: sides to choose from, each equally likely, 1 to 16,384 pixels.
        every: "epoch" or "batch".

    Raises:
        TypeError, ValueError: values outside the above.
    """

    sizes: tuple[int, ...] = (128, 160, 192, 224)
    every: Literal["epoch", "batch"] = "epoch"

    def __post_init__(self) -> None:
        choice("MultiScale", "every", self.every, ("epoch", "batch"))
        if not isinstance(self.sizes, (tuple, list)) or not self.sizes:
            raise ValueError(
                f"MultiScale: sizes={self.sizes!r}, expected at least one side in pixels, such as (160, 192, 224)"
            )
        sizes = tuple(
            integer("MultiScale", "sizes", side, at_least=1, at_most=MOST_SIDE) for side in self.sizes
        )
        object.__setattr__(self, "sizes", sizes)

    @property
    def largest(self) -> tuple[int, int]:
        """(height, width) of the largest images."""
        return max(self.sizes), max(self.sizes)

    def at(self, seed: int, epoch: int, step: int) -> tuple[int, int]:
        """(height, width) of a batch."""
        rng = stream(Purpose.SIZE, seed, epoch=epoch, step=step if self.every == "batch" else 0)
        side = self.sizes[rng.randint(len(self.sizes))]
        return side, side


ImageSize = int | tuple[int, int] | SizeSchedule | MultiScale


def size_of(image_size: ImageSize) -> tuple[int, int]:
    """(height, width) of the images, the largest where they change."""
    if isinstance(image_size, SizeSchedule | MultiScale):
        return image_size.largest
    height, width = image_size if isinstance(image_size, Sequence) else (image_size, image_size)
    return int(height), int(width)


def checked_size(owner: str, image_size: Any, name: str = "image_size") -> ImageSize:
    """The size with plain integers; TypeError or ValueError unless it is one side >= 1, two, or a schedule."""
    if isinstance(image_size, SizeSchedule | MultiScale):
        return image_size
    return pair_or_side(owner, image_size, name)


def pair_or_side(owner: str, image_size: Any, name: str = "image_size") -> int | tuple[int, int]:
    """One side or (height, width) with plain integers; TypeError or ValueError unless they are >= 1."""
    height, width = pair(owner, name, image_size)
    return (height, width) if isinstance(image_size, Sequence) else height
