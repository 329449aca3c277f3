"""Resizing of one image: loops that Numba compiles.

No fast-math: every sum has one order, so all machines give the same pixels.

The functions that DALI calls are at the end of this file: Numba keeps compiled code on disk and looks only at the file
of the entry point to see whether that code is still valid.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import (
    RUN,
    SETUP,
    address_of,
    copy_numbers,
    entry_point,
    in_use,
    pointer_to,
    shape_of,
)
from dali_mixup._cpu.memory import ask_for, ask_for_room
from dali_mixup._cpu.passes import (
    BLOCK,
    GROUP,
    fixed_length,
    fixed_line,
    fixed_pair,
    fixed_turned,
    fixed_written,
    weighted_line,
    weighted_pixel,
    weighted_turned,
    weighted_written,
)
from dali_mixup._cpu.taps import BILINEAR, RADIUS, fixed_point, taps
from dali_mixup._cpu.vectors import LANES

compiled = numba.njit(error_model="numpy")

AHEAD = 8
"""Lines of the image that are asked for ahead of those that are read: from memory they take longer to come than to add
up."""
MOST_IN_FIXED_POINT = 17
"""Pixels that are summed in fixed point, those of images made up to 8 times smaller: the more there are, the larger the
sum of their products' errors."""

LEFT_TO_RIGHT, UPSIDE_DOWN = 1, 2
"""The bits that say how a result is flipped."""


@compiled
def resize(
    image: np.ndarray,
    flipped: int,
    out: np.ndarray,
    radius: float,
    size: tuple[int, int],
    start: tuple[int, int],
) -> None:
    """Fills `out` (h, w, 3) uint8 with the window at `start` (y, x) of `image` (H, W, 3) uint8 resized to `size` with a
    low-pass, and flipped. Only what the window needs is computed.

    Sums are rounded once. Those of weights below 0, and of many pixels, are of float32. All others are in fixed point,
    uint16 in 256ths between the passes: of a photograph 0.3% of the numbers are one level off the rounded exact ones.

    Args:
        flipped: `LEFT_TO_RIGHT`, `UPSIDE_DOWN`, their sum or 0.

    Callers pass int64, `np.int64(0)` rather than 0: for a constant, Numba would compile this function again.

    Sixteen rows at a time: lines are summed up first, where numbers lie along the rows. Then they are transposed, so
    that vectors go down the rows and the sums along the rows take whole vectors too.
    """
    height, width, _ = image.shape
    rows, columns, _ = out.shape
    # Results smaller than the vectors are made larger, and cut.
    high, wide = max(rows, LANES), max(columns, GROUP)
    first_y, count_y, weight_y = taps(height, size[0], start[0], high, radius)
    first_x, count_x, weight_x = taps(width, size[1], start[1], wide, radius)
    fixed = radius == BILINEAR and max(weight_y.shape[1], weight_x.shape[1]) <= MOST_IN_FIXED_POINT
    fixed_y = fixed_point(weight_y, count_y) if fixed else np.empty((0, 0), np.uint16)
    fixed_x = fixed_point(weight_x, count_x) if fixed else np.empty((0, 0), np.uint16)
    # Loops: NumPy's functions for this take Numba seconds to compile.
    left, right = width, 0
    order = np.empty(wide, np.int64)
    for x in range(wide):
        left, right = min(left, first_x[x]), max(right, first_x[x] + count_x[x])
        order[x] = columns - 1 - x if flipped & LEFT_TO_RIGHT and x < columns else x
    needed = 3 * (right - left)
    values = max(needed, BLOCK)
    padded = np.empty((height * width * 3 + BLOCK) if values > needed else 0, np.uint8)
    if values > needed:  # vectors would read past the image's end
        copy_numbers(image.reshape(-1), padded)
    enlarged = np.empty((high, wide, 3) if (high, wide) != (rows, columns) else (0, 0, 3), np.uint8)
    number = 2 if fixed else 4  # the bytes of one
    length = fixed_length(values) if fixed else 4 * values
    lines = np.empty(LANES * length, np.uint8)
    turned = np.empty(LANES * values * number, np.uint8)
    sums = np.empty(3 * GROUP * LANES, np.uint8)
    pixel = 3 * LANES * number
    # Addresses, taken once: Numba counts the users of every part of an array that a loop takes, see `uncounted`.
    lines_at, turned_at, sums_at = address_of(lines), address_of(turned), address_of(sums)
    down, down_step = address_of(fixed_y) if fixed else address_of(weight_y), number * weight_y.shape[1]
    along, along_step = address_of(fixed_x) if fixed else address_of(weight_x), number * weight_x.shape[1]
    source = (address_of(padded) if values > needed else address_of(image)) + 3 * left
    target = address_of(enlarged) if enlarged.size else address_of(out)
    line_step = 3 * wide
    if flipped & UPSIDE_DOWN and not enlarged.size:  # from the last line upwards
        target, line_step = target + line_step * (high - 1), -line_step
    for block in range(0, high, LANES):
        top = min(block, high - LANES)  # the last block overlaps the one before
        for r in range(LANES):
            y = top + r
            line, above = lines_at + length * r, source + 3 * width * first_y[y]
            z = min(y + 1, high - 1)
            for below in range(first_y[y] + count_y[y] + AHEAD, first_y[z] + count_y[z] + AHEAD):
                ask_for(source + 3 * width * below, values)
            ask_for_room(target + line_step * y, 3 * wide)
            if fixed:
                fixed_line(line, above, 3 * width, down + down_step * y, count_y[y], values)
            else:
                weighted_line(line, above, 3 * width, down + down_step * y, count_y[y], values)
        if fixed:
            fixed_turned(lines_at, values, turned_at)
        else:
            weighted_turned(lines_at, values, turned_at)
        for group in range(0, wide, GROUP):
            begun = min(group, wide - GROUP)
            for i in range(0, GROUP, 2):
                x, z = order[begun + i], order[begun + i + 1]
                made = sums_at + 3 * LANES * i
                one, two = turned_at + pixel * (first_x[x] - left), turned_at + pixel * (first_x[z] - left)
                by_one, by_two = along + along_step * x, along + along_step * z
                if fixed:
                    fixed_pair(made, one, by_one, count_x[x], two, by_two, count_x[z])
                else:
                    weighted_pixel(made, one, by_one, count_x[x])
                    weighted_pixel(made + 3 * LANES, two, by_two, count_x[z])
            place = target + line_step * top + 3 * begun
            if fixed:
                fixed_written(sums_at, place, line_step)
            else:
                weighted_written(sums_at, place, line_step)
    if enlarged.size:
        for y in range(rows):
            line = out[rows - 1 - y if flipped & UPSIDE_DOWN else y]
            for x in range(columns):
                copy_numbers(enlarged[y, x], line[x])
    in_use(padded, enlarged, lines, turned, sums, weight_y, weight_x, fixed_y, fixed_x)


def resize_entry(interpolation: str) -> Any:
    """(image (H, W, 3) uint8, nothing of shape (h, w, 0), flipped () int32 as of `resize`) -> (h, w, 3) uint8."""
    radius = RADIUS[interpolation]

    def run(
        outs: int,
        out_shapes: int,
        out_dims: int,
        out_count: int,
        ins: int,
        in_shapes: int,
        in_dims: int,
        in_count: int,
    ) -> None:
        before, after = shape_of(in_shapes, 0, 3), shape_of(out_shapes, 0, 3)
        image = numba.carray(pointer_to(ins, 0), (before[0], before[1], 3), np.uint8)
        flipped = np.int64(numba.carray(pointer_to(ins, 2), (1,), np.int32)[0])
        out = numba.carray(pointer_to(outs, 0), (after[0], after[1], 3), np.uint8)
        resize(image, flipped, out, radius, (after[0], after[1]), (np.int64(0), np.int64(0)))

    return entry_point(RUN, run)


def window_entry(interpolation: str) -> Any:
    """(image (H, W, 3) uint8, nothing of shape (h, w, 0), window (5,) int64) -> (h, w, 3) uint8: the window (height and
    width of the whole, y and x of the window, `flipped` as of `resize`) of the resized image."""
    radius = RADIUS[interpolation]

    def run(
        outs: int,
        out_shapes: int,
        out_dims: int,
        out_count: int,
        ins: int,
        in_shapes: int,
        in_dims: int,
        in_count: int,
    ) -> None:
        before, after = shape_of(in_shapes, 0, 3), shape_of(out_shapes, 0, 3)
        image = numba.carray(pointer_to(ins, 0), (before[0], before[1], 3), np.uint8)
        window = numba.carray(pointer_to(ins, 2), (5,), np.int64)
        out = numba.carray(pointer_to(outs, 0), (after[0], after[1], 3), np.uint8)
        resize(image, window[4], out, radius, (window[0], window[1]), (window[2], window[3]))

    return entry_point(RUN, run)


@compiled
def centred(room: int) -> int:
    """The start of a window that leaves `room` beside it: half of it, rounded to the even neighbour, as Python and
    torchvision do."""
    half = room // 2
    return half + (room & half & 1)


def centre_entry(interpolation: str) -> Any:
    """(image (H, W, 3) uint8, nothing of shape (h, w, 0), shorter () int32) -> (h, w, 3) uint8: the centre of the image
    resized to that shorter side; the longer one is rounded down, as by torchvision."""
    radius = RADIUS[interpolation]

    def run(
        outs: int,
        out_shapes: int,
        out_dims: int,
        out_count: int,
        ins: int,
        in_shapes: int,
        in_dims: int,
        in_count: int,
    ) -> None:
        before, after = shape_of(in_shapes, 0, 3), shape_of(out_shapes, 0, 3)
        image = numba.carray(pointer_to(ins, 0), (before[0], before[1], 3), np.uint8)
        shorter = np.int64(numba.carray(pointer_to(ins, 2), (1,), np.int32)[0])
        least = min(before[0], before[1])
        high, wide = before[0] * shorter // least, before[1] * shorter // least
        start = (centred(high - after[0]), centred(wide - after[1]))
        out = numba.carray(pointer_to(outs, 0), (after[0], after[1], 3), np.uint8)
        resize(image, np.int64(0), out, radius, (high, wide), start)

    return entry_point(RUN, run)


def setup_size() -> Any:
    """Outputs of (h, w, 3), where the second input is (h, w, anything)."""

    def shapes(
        out_shapes: int,
        out_dims: int,
        out_count: int,
        in_shapes: int,
        in_dims: int,
        in_count: int,
        samples: int,
    ) -> None:
        for i in range(samples):
            out, size = shape_of(out_shapes, i, 3), shape_of(in_shapes, samples + i, 3)
            out[0], out[1], out[2] = size[0], size[1], 3

    return entry_point(SETUP, shapes)
