"""What the kernels get of a mask."""

from __future__ import annotations

from enum import IntEnum


class MaskKind(IntEnum):
    """The form of a MASK row's mask in memory."""

    LEVELS = 0  # the bytes of `methods.Levels`
    BITS = 1  # of `methods.Bits`: the line of each row as int32, then the lines
    GRID = 2  # the int16 of `methods.Contours`
