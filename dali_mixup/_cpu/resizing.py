"""Resizing of one image: loops that Numba compiles.

No fast-math: every sum has one order, so all machines give the same pixels.

The functions that DALI calls are at the end of this file: Numba keeps compiled code on disk and looks only at the file
of the entry point to see whether that code is still valid.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import RUN, SETUP, address_of, array_at, entry_point, pointer_to, shape_of

compiled = numba.njit(error_model="numpy")


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
    as in Pillow's Image.resize."""
    ratio = before / after
    width = max(ratio, 1.0)
    reach = radius * width
    first = np.empty(count, np.int64)
    many = np.empty(count, np.int64)
    weights = np.zeros((count, int(np.ceil(reach)) * 2 + 1), np.float32)
    for i in range(count):
        centre = (start + i + 0.5) * ratio
        low = max(int(centre - reach + 0.5), 0)
        high = min(int(centre + reach + 0.5), before)
        total = 0.0
        for j in range(low, high):
            total += influence(abs(j + 0.5 - centre) / width, radius)
        for j in range(low, high):
            weights[i, j - low] = influence(abs(j + 0.5 - centre) / width, radius) / total
        first[i] = low
        many[i] = high - low
    return first, many, weights


@compiled
def resize(
    image: np.ndarray,
    flipped: bool,
    out: np.ndarray,
    radius: float,
    size: tuple[int, int],
    start: tuple[int, int],
) -> None:
    """Fills `out` (h, w, 3) uint8 with the window at `start` (y, x) of `image` (H, W, 3) uint8 resized to `size` with a
    low-pass, and flipped left to right; sums in float32, rounded once. Only what the window needs is computed."""
    height, width, _ = image.shape
    rows, columns, _ = out.shape
    first_y, count_y, weight_y = taps(height, size[0], start[0], rows, radius)
    first_x, count_x, weight_x = taps(width, size[1], start[1], columns, radius)
    left = first_x[0]
    values = 3 * (first_x[columns - 1] + count_x[columns - 1] - left)
    results = out.reshape(rows, 3 * columns)
    line = np.empty(values, np.float32)
    top = np.float32(255.0)
    for y in range(rows):
        # Rows first: this loop runs along memory and is the one that visits every pixel of the window.
        above = address_of(image) + 3 * (first_y[y] * width + left)
        source = array_at(above, values)
        weight = weight_y[y, 0]
        for i in range(values):
            line[i] = weight * source[i]
        for t in range(1, count_y[y]):
            source = array_at(above + 3 * width * t, values)
            weight = weight_y[y, t]
            for i in range(values):
                line[i] += weight * source[i]
        for x in range(columns):
            i = 3 * (first_x[x] - left)
            red = green = blue = np.float32(0.5)  # truncating after that rounds
            for t in range(count_x[x]):
                weight = weight_x[x, t]
                red += weight * line[i]
                green += weight * line[i + 1]
                blue += weight * line[i + 2]
                i += 3
            o = 3 * (columns - 1 - x if flipped else x)
            results[y, o] = np.uint8(min(max(red, np.float32(0.0)), top))
            results[y, o + 1] = np.uint8(min(max(green, np.float32(0.0)), top))
            results[y, o + 2] = np.uint8(min(max(blue, np.float32(0.0)), top))


def resize_entry(interpolation: str) -> Any:
    """(image (H, W, 3) uint8, nothing of shape (h, w, 0), flipped () int32) -> (h, w, 3) uint8."""
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
        flipped = numba.carray(pointer_to(ins, 2), (1,), np.int32)[0] != 0
        out = numba.carray(pointer_to(outs, 0), (after[0], after[1], 3), np.uint8)
        resize(image, flipped, out, radius, (after[0], after[1]), (0, 0))

    return entry_point(RUN, run)


def window_entry(interpolation: str) -> Any:
    """(image (H, W, 3) uint8, nothing of shape (h, w, 0), window (4,) int64) -> (h, w, 3) uint8: the window (height and
    width of the whole, y and x of the window) of the resized image."""
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
        window = numba.carray(pointer_to(ins, 2), (4,), np.int64)
        out = numba.carray(pointer_to(outs, 0), (after[0], after[1], 3), np.uint8)
        resize(image, False, out, radius, (window[0], window[1]), (window[2], window[3]))

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
