"""Affine maps of an image in compiled loops: the arithmetic of DALI's warp on an image with a border of one colour.

Most of a line reads inside the image, where no pixel has to be tested; the ends of the line are found by their numbers.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import address_of
from dali_mixup._cpu.lanes import load_four, splat, splat_four, store_four_pixels
from dali_mixup._cpu.lines import inlined

compiled = numba.njit(error_model="numpy")

HALF = np.float32(0.5)


@compiled
def span(start: float, step: float, low: float, high: float, first: int, end: int) -> tuple[int, int]:
    """The part [first, end) of a line in which low <= start + step * x < high, perhaps without its outermost pixels,
    since the numbers of single pixels are rounded."""
    margin = 1e-3
    low, high = low + margin, high - margin
    if step == 0.0:
        return (first, end) if low <= start < high else (first, first)
    one, other = (low - start) / step, (high - start) / step
    left, right = min(one, other), max(one, other)
    left, right = min(max(left, float(first)), float(end)), min(max(right, float(first)), float(end))
    first, end = int(np.ceil(left)), int(np.floor(right))
    return first, max(first, end)


@compiled
def value_at(image: Any, y: int, x: int, c: int, fill: Any) -> Any:
    """A value of the image (H, 3 W), `fill` (3,) outside."""
    if y < 0 or y >= image.shape[0] or x < 0 or 3 * x >= image.shape[1]:
        return fill[c]
    return np.float32(image[y, 3 * x + c])


@compiled
def nearest(image: Any, made: Any, matrix: Any, fill: Any) -> None:
    """As `linear`, with the value of the nearest pixel."""
    height, width = made.shape[0], made.shape[1] // 3
    a, b, c = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    d, e, f = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    for y in range(height):
        down = np.float32(y) + HALF
        for x in range(width):
            across = np.float32(x) + HALF
            i, j = int(np.floor(d * across + e * down + f)), int(np.floor(a * across + b * down + c))
            for k in range(3):
                made[y, 3 * x + k] = np.uint8(value_at(image, i, j, k, fill))


@inlined
def place(x: int, a: Any, d: Any, x_start: Any, y_start: Any, base: int, stride: int) -> Any:
    """Where pixel x of a line comes from: how far from the pixel before to the next, across and down, and the address
    of the one above on the left."""
    across = np.float32(x) + HALF
    u, v = a * across + x_start, d * across + y_start
    j, i = int(u), int(v)
    return u - np.float32(j), v - np.float32(i), base + i * stride + 3 * j


@compiled
def linear(image: Any, made: Any, matrix: Any, fill: Any) -> None:
    """Fill `made` with the image at other coordinates, linearly interpolated, rounded to the nearest.

    Args:
        image, made: (H, 3 W) uint8.
        matrix: (2, 3) float32, from the coordinates (x, y) of `made` to those of `image`; (0, 0) is the corner of the
            first pixel.
        fill: (3,) float32, the colour outside.
    """
    height, width = made.shape[0], made.shape[1] // 3
    a, b, c = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    d, e, f = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    base, target, stride = address_of(image), address_of(made), 3 * width
    one, less, half = splat(np.float32(1)), splat(np.float32(-1)), splat(HALF)
    for y in range(height):
        down = np.float32(y) + HALF
        x_start, y_start = b * down + c - HALF, e * down + f - HALF
        first, end = span(x_start + a * HALF, a, 0.0, width - 2.0, 0, width)
        first, end = span(y_start + d * HALF, d, 0.0, height - 1.0, first, end)
        end = first + (end - first) // 4 * 4
        for x in range(first, end, 4):
            q0, r0, at0 = place(x, a, d, x_start, y_start, base, stride)
            q1, r1, at1 = place(x + 1, a, d, x_start, y_start, base, stride)
            q2, r2, at2 = place(x + 2, a, d, x_start, y_start, base, stride)
            q3, r3, at3 = place(x + 3, a, d, x_start, y_start, base, stride)
            q, r = splat_four(q0, q1, q2, q3), splat_four(r0, r1, r2, r3)
            p, s = one + q * less, one + r * less
            above = load_four(at0, at1, at2, at3) * p + load_four(at0 + 3, at1 + 3, at2 + 3, at3 + 3) * q
            at0, at1, at2, at3 = at0 + stride, at1 + stride, at2 + stride, at3 + stride
            below = load_four(at0, at1, at2, at3) * p + load_four(at0 + 3, at1 + 3, at2 + 3, at3 + 3) * q
            store_four_pixels(target + stride * y + 3 * x, above * s + below * r + half)
        for side in range(2):
            for x in range(0 if side == 0 else end, first if side == 0 else width):
                across = np.float32(x) + HALF
                u, v = a * across + x_start, d * across + y_start
                j, i = int(np.floor(u)), int(np.floor(v))
                q, r = u - np.float32(j), v - np.float32(i)
                for k in range(3):
                    left, right = value_at(image, i, j, k, fill), value_at(image, i, j + 1, k, fill)
                    above = left + (right - left) * q
                    left, right = value_at(image, i + 1, j, k, fill), value_at(image, i + 1, j + 1, k, fill)
                    below = left + (right - left) * q
                    made[y, 3 * x + k] = np.uint8(above + (below - above) * r + HALF)
