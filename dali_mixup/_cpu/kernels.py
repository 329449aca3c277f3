"""Resizing, and mixing with normalisation, of one image: loops that Numba compiles.

No fast-math: every sum has one order, so all machines give the same pixels.

The functions that DALI calls are at the end of this file: Numba keeps compiled code on disk and looks only at the file
of the entry point to see whether that code is still valid.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import RUN, SETUP, entry_point, pointer_to, shape_of

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
def taps(before: int, after: int, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The source pixels of a resized one: (first (after,), how many (after,), weights (after, most) float32, each row
    of sum 1). Widened by the ratio of the sizes if the image shrinks, as in Pillow's Image.resize."""
    ratio = before / after
    width = max(ratio, 1.0)
    reach = radius * width
    first = np.empty(after, np.int64)
    count = np.empty(after, np.int64)
    weights = np.zeros((after, int(np.ceil(reach)) * 2 + 1), np.float32)
    for i in range(after):
        centre = (i + 0.5) * ratio
        low = max(int(centre - reach + 0.5), 0)
        high = min(int(centre + reach + 0.5), before)
        total = 0.0
        for j in range(low, high):
            total += influence(abs(j + 0.5 - centre) / width, radius)
        for j in range(low, high):
            weights[i, j - low] = influence(abs(j + 0.5 - centre) / width, radius) / total
        first[i] = low
        count[i] = high - low
    return first, count, weights


@compiled
def resize(image: np.ndarray, flipped: bool, out: np.ndarray, radius: float) -> None:
    """Fills `out` (h, w, 3) uint8 with `image` (H, W, 3) uint8 resized with a low-pass, and flipped left to right;
    sums in float32, rounded once."""
    height, width, _ = image.shape
    rows, columns, _ = out.shape
    first_y, count_y, weight_y = taps(height, rows, radius)
    first_x, count_x, weight_x = taps(width, columns, radius)
    lines = image.reshape(height, 3 * width)
    results = out.reshape(rows, 3 * columns)
    line = np.empty(3 * width, np.float32)
    top = np.float32(255.0)
    for y in range(rows):
        # Rows first: this loop runs along memory and is the one that visits every pixel of the image.
        start = first_y[y]
        weight = weight_y[y, 0]
        for i in range(3 * width):
            line[i] = weight * lines[start, i]
        for t in range(1, count_y[y]):
            weight = weight_y[y, t]
            for i in range(3 * width):
                line[i] += weight * lines[start + t, i]
        for x in range(columns):
            i = 3 * first_x[x]
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


@compiled
def tiled(values: np.ndarray, width: int) -> np.ndarray:
    """(k, 3 * width) from (k, 3): a value for each channel of a line of pixels."""
    out = np.empty((values.shape[0], 3 * width), np.float32)
    for j in range(values.shape[0]):
        for i in range(3 * width):
            out[j, i] = values[j, i % 3]
    return out


@compiled
def line_into_planes(line: np.ndarray, y: int, out: np.ndarray) -> None:
    """Row y of `out` (3, H, W) from a line of W interleaved pixels."""
    for x in range(out.shape[2]):
        out[0, y, x] = line[3 * x]
        out[1, y, x] = line[3 * x + 1]
        out[2, y, x] = line[3 * x + 2]


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
        resize(image, flipped, out, radius)

    return entry_point(RUN, run)


def normalise_entry(planes: bool) -> Any:
    """(coefficients (k + 1, 3) float32, k images (H, W, 3) uint8) -> (3, H, W) or (H, W, 3) float32: the sum of
    coefficients[j] * image j, plus the last row of the coefficients."""

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
        shape = shape_of(in_shapes, 1, 3)
        height, width = shape[0], shape[1]
        n = 3 * width
        scale = tiled(numba.carray(pointer_to(ins, 0), (in_count, 3), np.float32), width)
        interleaved = numba.carray(pointer_to(outs, 0), (height, n), np.float32)
        planar = numba.carray(pointer_to(outs, 0), (3, height, width), np.float32)
        own = numba.carray(pointer_to(ins, 1), (height, n), np.uint8)
        buffer = np.empty(n, np.float32)
        for y in range(height):
            line = buffer if planes else interleaved[y]
            for i in range(n):
                line[i] = scale[0, i] * own[y, i] + scale[in_count - 1, i]
            for j in range(1, in_count - 1):
                if scale[j, 0] == 0.0:  # nothing to mix into this image
                    continue
                partner = numba.carray(pointer_to(ins, 1 + j), (height, n), np.uint8)
                for i in range(n):
                    line[i] += scale[j, i] * partner[y, i]
            if planes:
                line_into_planes(line, y, planar)

    return entry_point(RUN, run)


def setup(planes: bool) -> Any:
    """Outputs of (3, H, W) or (H, W, 3), where the second input is (H, W, anything)."""

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
            if planes:
                out[0], out[1], out[2] = 3, size[0], size[1]
            else:
                out[0], out[1], out[2] = size[0], size[1], 3

    return entry_point(SETUP, shapes)
