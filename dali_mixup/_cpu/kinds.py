"""What the kernels get of a mask."""

from __future__ import annotations

from enum import IntEnum


class MaskKind(IntEnum):
    """The form of a MASK row's mask in memory."""

    LEVELS = 0  # the bytes of `methods.Levels`
    BITS = 1  # as in `methods.Bits`, a line for every row
    GRID = 2  # the int16 of `methods.Contours`
    LINES = 3  # int32, the line of each row, and then the lines: `methods.Bits` with `line_of`
