"""`methods.Contours` in compiled loops: the same pixels in whole numbers, found line by line while they are needed.

A pass over the cells of the grid finds how high the least of the chosen pixels is. Only the few cells that reach this
height are looked at pixel by pixel.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import address_of, in_use, uncounted
from dali_mixup._cpu.lines import chosen_line, inlined
from dali_mixup._cpu.rows import row_of, written
from dali_mixup._cpu.vectors import LANES
from dali_mixup.methods.contours import HIGHEST

compiled = numba.njit(error_model="numpy")

BINS = 1024  # into which points are counted to guess the height
OUTSIDE = -HIGHEST - 1  # lower than every pixel
MARGIN = 8  # points by which the guess may be off


@compiled
def guessed(grid: Any, stride: int, count: int, pixels: int) -> tuple[int, int]:
    """(low, high) around the least of the `count` highest pixels, from the grid's points."""
    most = HIGHEST // (stride * stride) + 1
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    filled = np.zeros(BINS, np.int32)
    wide = 2.0 * most / BINS
    narrow = 1.0 / wide
    for i in range(rows):
        for j in range(columns):
            filled[min(max(int((grid[i, j] + most) * narrow), 0), BINS - 1)] += 1
    place = count * rows * columns / pixels
    low, high, seen = BINS, BINS, 0
    while low > 0 and seen <= place + MARGIN:
        low -= 1
        seen += filled[low]
        if seen < place - MARGIN:
            high = low
    square = stride * stride
    return int(np.floor(low * wide - most) * square), int(np.ceil(high * wide - most) * square)


@inlined
def surveyed_by(
    stride: int, grid: Any, height: int, width: int, low: int, high: int, values: Any
) -> tuple[int, int]:
    cells, square, above, count = grid.shape[1] - 1, stride * stride, 0, 0
    lowest, highest = np.empty(cells, np.int16), np.empty(cells, np.int16)
    for i in range(grid.shape[0] - 1):
        up, down = grid[i], grid[i + 1]
        for j in range(cells):
            lowest[j] = min(min(up[j], up[j + 1]), min(down[j], down[j + 1]))
            highest[j] = max(max(up[j], up[j + 1]), max(down[j], down[j + 1]))
        rows = min(stride, height - i * stride)
        for j in range(cells):
            if highest[j] * square < low:
                continue
            columns = min(stride, width - j * stride)
            if lowest[j] * square > high:
                above += rows * columns
                continue
            for r in range(stride):
                left = up[j] * (stride - r) + down[j] * r
                step = up[j + 1] * (stride - r) + down[j + 1] * r - left
                for q in range(stride):
                    values[count + r * stride + q] = left * stride + q * step
            if rows < stride or columns < stride:
                for r in range(stride):
                    for q in range(stride):
                        if r >= rows or q >= columns:
                            values[count + r * stride + q] = OUTSIDE
            count += square
    return above, count


@compiled
def surveyed(
    grid: Any, stride: int, height: int, width: int, low: int, high: int, values: Any
) -> tuple[int, int]:
    """The number of pixels above `high`, and of those from `low` to `high`, with which `values` begins.

    Args:
        values: int16, with room for the pixels of all cells.
    """
    # Constants, for which LLVM finds vector instructions.
    if stride == 4:
        above, count = surveyed_by(4, grid, height, width, low, high, values)
    else:
        above, count = surveyed_by(stride, grid, height, width, low, high, values)
    for i in range(count):
        above += values[i] > high
    kept = 0
    for i in range(count):
        value = values[i]
        values[kept] = value
        kept += (value >= low) & (value <= high)
    return above, kept


@compiled
def outline(grid: Any, stride: int, count: int, height: int, width: int) -> tuple[int, int]:
    """How high the least of the `count` highest pixels is, and how many of its height are among these."""
    if count == 0:
        return HIGHEST, 0
    low, high = guessed(grid, stride, count, height * width)
    values = np.empty((grid.shape[0] - 1) * (grid.shape[1] - 1) * stride * stride, np.int16)
    for _ in range(2):
        above, kept = surveyed(grid, stride, height, width, low, high, values)
        filled = np.zeros(high - low + 1, np.int32)
        for i in range(kept):
            filled[values[i] - low] += 1
        missing = count - above
        if missing > 0:
            for value in range(high, low - 1, -1):
                if missing <= filled[value - low]:
                    return value, missing
                missing -= filled[value - low]
        low, high = -HIGHEST, HIGHEST  # the guess was wrong
    return low, 0  # never reached


@inlined
def spread_by(points: Any, stride: int, line: Any) -> None:
    for j in range(len(points) - 1):
        left, right = np.float32(points[j]), np.float32(points[j + 1])
        for q in range(stride):
            line[j * stride + q] = left * np.float32(stride - q) + right * np.float32(q)


@compiled
def spread(points: Any, stride: int, line: Any) -> None:
    """The pixels of a line through points, times the stride."""
    if stride == 4:
        spread_by(points, 4, line)
    elif stride == 2:
        spread_by(points, 2, line)
    else:
        spread_by(points, stride, line)


@compiled
def chosen_of_line(near: Any, far: Any, stride: int, r: int, level: int, ties: int, chosen: Any) -> int:
    """Fill `chosen` (W,) uint8 with 255 where pixels are above `level`, or, for the first `ties`, on it, else with 0;
    the number of ties that are left."""
    above, below, least = np.float32(stride - r), np.float32(r), np.float32(level + (ties == 0))
    for x in range(len(chosen)):
        chosen[x] = 255 if near[x] * above + far[x] * below >= least else 0
    if ties == 0:
        return 0
    tied = 0
    for x in range(len(chosen)):
        tied += near[x] * above + far[x] * below == least
    x = len(chosen)
    while tied > ties:  # the last ones are too many
        x -= 1
        if near[x] * above + far[x] * below == least:
            chosen[x] = 0
            tied -= 1
    return ties - tied


@inlined
def contoured(
    planes: bool,
    floats: int,
    target: int,
    height: int,
    width: int,
    images: Any,
    grid: Any,
    steps: Any,
    scale: Any,
    shift: Any,
) -> None:
    """Writes the first image at the highest pixels, the second one elsewhere; arguments as in `finishing.finish_entry`.

    Args:
        images: as of `finishing.images_of`.
        grid: (h, w) int16 of `methods.Contours`.
        steps: the number of highest pixels and the stride are the third and the fourth number.
    """
    count, stride = steps[0, 2], steps[0, 3]
    level, ties = outline(grid, stride, count, height, width)
    memory = np.empty((2, (grid.shape[1] - 1) * stride), np.float32)
    near, far = uncounted(memory[0]), uncounted(memory[1])
    wide = max(width, LANES)
    row, halves = row_of(width)
    row_at, halves_at = address_of(row), address_of(halves)
    mask = np.zeros(wide, np.uint8)
    chosen, chosen_at = uncounted(mask[:width]), address_of(mask)
    spread(grid[0], stride, far)
    for y in range(height):
        r = y % stride
        if r == 0:
            near, far = far, near
            spread(grid[y // stride + 1], stride, far)
        ties = chosen_of_line(near, far, stride, r, level, ties, chosen)
        own, other = images[0] + 3 * wide * y, images[1] + 3 * wide * y
        chosen_line(planes, row_at, wide, own, other, chosen_at, scale, shift)
        written(planes, floats, row_at, halves_at, target, y, height, width)
    in_use(row, halves, memory, mask)
