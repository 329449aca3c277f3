"""Resizing of one image: loops that Numba compiles.

No fast-math: every sum has one order, so all machines give the same pixels.

The functions that DALI calls are at the end of this file: Numba keeps compiled code on disk and looks only at the file
of the entry point to see whether that code is still valid.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import RUN, SETUP, address_of, entry_point, pointer_to, shape_of
from dali_mixup._cpu.lanes import (
    LANES,
    load,
    load_bytes,
    prefetch,
    splat,
    store,
    store_bytes,
    transpose_bytes,
    transpose_floats,
)

compiled = numba.njit(error_model="numpy")

FEWEST = -(-LANES // 3)
"""Pixels of a row that fill a vector."""
AHEAD = 8
"""Lines of the image that are asked for ahead of those that are read: from memory they take longer to come than to add
up."""
CACHE_LINE = 64

LEFT_TO_RIGHT, UPSIDE_DOWN = 1, 2
"""The bits that say how a result is flipped."""

RADIUS = {"bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}
"""The reach of an interpolation, in pixels of the smaller of the two images; here it identifies the interpolation."""


@compiled
def influence(x: float, radius: float) -> float:
    """The kernel at the distance x >= 0: triangle, Keys' cubic with a = -1/2, or Lanczos 3, as in Pillow."""
    if x >= radius:
        return 0.0
    if radius == 1.0:
        return 1.0 - x
    if radius == 2.0:
        return (1.5 * x - 2.5) * x * x + 1.0 if x < 1.0 else ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0
    return 3.0 * np.sin(np.pi * x) * np.sin(np.pi * x / 3.0) / (np.pi * x) ** 2 if x > 0.0 else 1.0


@compiled
def taps(
    before: int, after: int, start: int, count: int, radius: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The source pixels of `count` pixels, from `start` on, of `after` resized ones: (first (count,), how many
    (count,), weights (count, most) float32, each row of sum 1). Widened by the ratio of the sizes if the image shrinks,
    as in Pillow's Image.resize. Places outside are reflected at the first or last pixel, once, then cut off."""
    ratio = before / after
    widened = max(ratio, 1.0)
    reach, narrow = radius * widened, 1.0 / widened
    first = np.empty(count, np.int64)
    many = np.empty(count, np.int64)
    most = int(np.ceil(reach)) * 2 + 1
    weights = np.zeros((count, most), np.float32)
    shares = np.empty(most)
    for i in range(count):
        place = abs(start + i)
        if place >= after:
            place = 2 * (after - 1) - place
        centre = (min(max(place, 0), after - 1) + 0.5) * ratio
        low = max(int(centre - reach + 0.5), 0)
        high = min(int(centre + reach + 0.5), before)
        total = 0.0
        for j in range(low, high):
            shares[j - low] = influence(abs(j + 0.5 - centre) * narrow, radius)
            total += shares[j - low]
        for j in range(high - low):
            weights[i, j] = shares[j] / total
        first[i] = low
        many[i] = high - low
    return first, many, weights


@compiled
def weighted_line(target: int, source: int, step: int, weights: np.ndarray, count: int, values: int) -> None:
    """At `target`, `values` float32 (at least 16 are written): the sum of `count` lines of bytes, `step` apart from
    `source` on, times the weights."""
    last = max(values - LANES, 0)
    # The usual numbers of lines have a loop each, which keeps the weights in registers.
    if count == 2:
        w0, w1 = splat(weights[0]), splat(weights[1])
        for i in range(0, values, LANES):
            v = min(i, last)  # the last vector overlaps the one before
            at = source + v
            store(target + 4 * v, w0 * load_bytes(at) + w1 * load_bytes(at + step))
    elif count == 3:
        w0, w1, w2 = splat(weights[0]), splat(weights[1]), splat(weights[2])
        for i in range(0, values, LANES):
            v = min(i, last)
            at = source + v
            pair = w0 * load_bytes(at) + w1 * load_bytes(at + step)
            store(target + 4 * v, pair + w2 * load_bytes(at + 2 * step))
    else:
        for i in range(0, values, LANES):
            v = min(i, last)
            total = splat(weights[0]) * load_bytes(source + v)
            for t in range(1, count):
                total = total + splat(weights[t]) * load_bytes(source + v + t * step)
            store(target + 4 * v, total)


@compiled
def weighted_pixel(target: int, source: int, weights: np.ndarray, count: int) -> None:
    """At `target`, three times 16 bytes: red, green and blue of one pixel in 16 rows, the rounded sum of `count` pixels
    from `source` on, three times 16 float32 each, times the weights."""
    red = green = blue = splat(np.float32(0.5))  # truncating after that rounds
    for t in range(count):
        weight = splat(weights[t])
        at = source + 12 * LANES * t
        red = red + weight * load(at)
        green = green + weight * load(at + 4 * LANES)
        blue = blue + weight * load(at + 8 * LANES)
    store_bytes(target, red)
    store_bytes(target + LANES, green)
    store_bytes(target + 2 * LANES, blue)


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
    low-pass, and flipped; sums in float32, rounded once. Only what the window needs is computed.

    Args:
        flipped: `LEFT_TO_RIGHT`, `UPSIDE_DOWN`, their sum or 0.

    Sixteen rows at a time: lines are summed up first, where numbers lie along the rows. Then they are transposed, so
    that vectors go down the rows and the sums along the rows take whole vectors too.
    """
    height, width, _ = image.shape
    rows, columns, _ = out.shape
    # Results smaller than the vectors are made larger, and cut.
    high, wide = max(rows, LANES), max(columns, FEWEST)
    first_y, count_y, weight_y = taps(height, size[0], start[0], high, radius)
    first_x, count_x, weight_x = taps(width, size[1], start[1], wide, radius)
    left = first_x.min()
    values = 3 * ((first_x + count_x).max() - left)
    padded = np.empty((height * width * 3 + LANES) if values < LANES else 0, np.uint8)
    if values < LANES:  # vectors would read past the image's end
        padded[: height * width * 3] = image.reshape(-1)
    enlarged = np.empty((high, wide, 3) if (high, wide) != (rows, columns) else (0, 0, 3), np.uint8)
    room = max(values, LANES)
    lines = np.empty((LANES, room), np.float32)
    turned = np.empty((room, LANES), np.float32)
    sums = np.empty((3 * wide, LANES), np.uint8)
    source = (address_of(padded) if values < LANES else address_of(image)) + 3 * left
    target = address_of(enlarged) if enlarged.size else address_of(out)
    line_step = 3 * wide
    if flipped & UPSIDE_DOWN and not enlarged.size:  # from the last line upwards
        target, line_step = target + line_step * (high - 1), -line_step
    for block in range(0, high, LANES):
        top = min(block, high - LANES)  # the last block overlaps the one before
        for r in range(LANES):
            y = top + r
            line, above = address_of(lines) + 4 * room * r, source + 3 * width * first_y[y]
            z = min(y + 1, high - 1)
            for below in range(first_y[y] + count_y[y] + AHEAD, first_y[z] + count_y[z] + AHEAD):
                for at in range(0, values, CACHE_LINE):
                    prefetch(source + 3 * width * below + at)
            weighted_line(line, above, 3 * width, weight_y[y], count_y[y], values)
        for i in range(0, room, LANES):
            v = min(i, room - LANES)
            transpose_floats(
                address_of(lines) + 4 * v, 4 * room, address_of(turned) + 4 * LANES * v, 4 * LANES
            )
        for x in range(wide):
            o = columns - 1 - x if flipped & LEFT_TO_RIGHT and x < columns else x
            pixel = address_of(turned) + 12 * LANES * (first_x[x] - left)
            weighted_pixel(address_of(sums) + 3 * LANES * o, pixel, weight_x[x], count_x[x])
        for i in range(0, 3 * wide, LANES):
            v = min(i, 3 * wide - LANES)
            transpose_bytes(address_of(sums) + LANES * v, LANES, target + line_step * top + v, line_step)
    if enlarged.size:
        for y in range(rows):
            out[rows - 1 - y if flipped & UPSIDE_DOWN else y] = enlarged[y, :columns]


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
        flipped = numba.carray(pointer_to(ins, 2), (1,), np.int32)[0]
        out = numba.carray(pointer_to(outs, 0), (after[0], after[1], 3), np.uint8)
        resize(image, flipped, out, radius, (after[0], after[1]), (0, 0))

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
        resize(image, 0, out, radius, (high, wide), start)

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
