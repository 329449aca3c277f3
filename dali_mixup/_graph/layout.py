"""The axes of a row, and the order in which the graph's operators need them: frames, height, width, channels.

Operators for images know one height and one width. All other axes are either channels, which have a mean and a
deviation each, or are folded into "frames", which share every decision: a box of a video is the same in all its frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

IMAGES = ("HWC", "CHW")
"""Layouts that need no fourth axis."""


@dataclass(frozen=True)
class Layout:
    """The axes of the rows that are given, and of those that are returned.

    Args:
        given: one letter per axis: H and W are those of a box, C the channels, other letters name themselves. None:
            rows of any shape.
        made: as `given`, of what is returned: the same, or with C at another end.
        boxed: H and W, or W alone, are the axes that `image_size` gives.
        per_channel: the channels must come last for the operators: they are normalised each by its own number, or move.
    """

    given: str | None
    made: str | None
    boxed: bool
    per_channel: bool

    @classmethod
    def of(
        cls, owner: str, given: str | None, *, boxed: bool, means: int, channels_last: bool | None
    ) -> Layout:
        """The layout of arguments; TypeError or ValueError for axes that are missing, repeated or in another order.

        Args:
            given: the letters; None: HWC if there are boxes, else any shape.
            means: the number of means.
            channels_last: where the channels are returned, last or first; None: where they are given.
        """
        if given is not None and not isinstance(given, str):
            raise TypeError(f"{owner}: layout={given!r}, expected a string such as 'HWC', or None")
        if given is None and boxed:
            given = "HWC"
        channels = given is not None and "C" in given
        if means > 1 and not channels:
            raise ValueError(
                f"{owner}: output has {means} means and deviations, but layout={given!r} has no channels; give one "
                "number each, or a layout with C"
            )
        if given is None:
            return cls(None, None, boxed=False, per_channel=False)
        if not given.isalpha() or not given.isascii() or len(set(given)) < len(given) or "N" in given:
            raise ValueError(
                f"{owner}: layout={given!r}, expected a different letter for each axis of a row, without N, the "
                "batch's: 'HWC', 'CHW', 'FHWC' for video, 'DHW' for volumes, 'HW' for spectrograms"
            )
        rest = given.replace("C", "")
        made = given
        if channels and channels_last is not None:
            made = f"{rest}C" if channels_last else f"C{rest}"
        layout = cls(given, made, boxed, per_channel=channels and (means > 1 or made != given))
        layout._check(owner)
        return layout

    @property
    def images(self) -> bool:
        """True for single images: the operators need no frames."""
        return self.boxed and self.given in IMAGES

    @property
    def needed(self) -> str:
        """The given axes in the order that the operators need."""
        given = self.given or ""
        moved = self.per_channel or self.images
        return f"{given.replace('C', '')}C" if moved and "C" in given else given

    @property
    def permutation(self) -> list[int] | None:
        """Axes of the given rows in the order of `needed`; None if they are in it."""
        given, needed = self.given or "", self.needed
        return None if given == needed else [given.index(axis) for axis in needed]

    @property
    def worked(self) -> str:
        """DALI's name of the axes that the operators work on."""
        return "HWC" if self.images else "FHWC"

    @property
    def normalised(self) -> str:
        """DALI's name of the axes after the last operator."""
        first = self.made is not None and self.made.startswith("C") and self.needed.endswith("C")
        channels_moved = first and (self.per_channel or self.images)
        if self.images:
            return "CHW" if channels_moved else "HWC"
        return "CFHW" if channels_moved else "FHWC"

    def frames(self, shape: Sequence[int]) -> tuple[int, int, int, int]:
        """(frames, height, width, channels) of a row of the given shape; their product is that of the shape."""
        if self.given is None:
            return 1, 1, math.prod(shape), 1
        needed = self.needed
        extents = [shape[self.given.index(axis)] for axis in needed]
        if not self.boxed:
            last = extents.pop() if self.per_channel else 1
            return 1, 1, math.prod(extents), last
        at = needed.index("W")
        start = at - 1 if "H" in needed else at
        height = extents[start] if "H" in needed else 1
        return math.prod(extents[:start]), height, extents[at], math.prod(extents[at + 1 :])

    def made_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of the row that is returned for one of the given shape."""
        if self.given is None or self.made is None:
            return tuple(shape)
        return tuple(shape[self.given.index(axis)] for axis in self.made)

    def _check(self, owner: str) -> None:
        assert self.given is not None
        if self.boxed and "HW" not in self.needed and ("H" in self.needed or "W" not in self.needed):
            raise ValueError(
                f"{owner}: layout={self.given!r} with image_size, expected H followed by W, the axes of that size "
                "(or W alone for a height of 1), as in 'HWC', 'FHWC', 'DHW' or 'HW'"
            )
        if self.boxed and self.per_channel and not self.needed.endswith("WC"):
            raise ValueError(
                f"{owner}: layout={self.given!r} has axes behind W, which is possible with one mean and deviation and "
                "the same layout returned; otherwise expected H and W last but for C"
            )
