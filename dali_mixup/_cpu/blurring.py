"""Gaussian blur in compiled loops, with the window, the weights and the borders of DALI's operator."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

compiled = numba.njit(error_model="numpy")


@compiled
def weights_of(sigma: Any) -> Any:
    """(2 r + 1,) float32, r = ceil(3 sigma), which add up to 1."""
    radius = int(np.ceil(3 * sigma))
    weights = np.empty(2 * radius + 1, np.float32)
    total = np.float32(0)
    for i in range(len(weights)):
        distance = np.float32(i - radius) / sigma
        weights[i] = np.exp(np.float32(-0.5) * distance * distance)
        total += weights[i]
    for i in range(len(weights)):
        weights[i] /= total
    return weights


@compiled
def mirrored(place: int, count: int) -> int:
    """The place inside a line of `count` pixels that stands for one outside: its mirror image about the last pixel."""
    if count == 1:
        return 0
    period = 2 * count - 2
    place = abs(place) % period
    return period - place if place >= count else place


@compiled
def blurred(image: Any, sigma: Any, out: Any) -> None:
    """Blur an image (H, 3 W) uint8 of three interleaved channels.

    Lines are summed with lines, then each with itself, three values apart: plain sums of arrays, for which LLVM finds
    vector instructions.
    """
    weights = weights_of(sigma)
    radius = len(weights) // 2
    height, values = image.shape
    width = values // 3
    padded = np.empty(values + 6 * radius, np.float32)
    made = np.empty(values, np.float32)
    middle = padded[3 * radius : 3 * radius + values]
    for y in range(height):
        middle[:] = np.float32(0)
        for k in range(len(weights)):
            line, weight = image[mirrored(y + k - radius, height)], weights[k]
            for i in range(values):
                middle[i] += weight * np.float32(line[i])
        for p in range(radius):
            left, right = mirrored(-p - 1, width), mirrored(width + p, width)
            for c in range(3):
                padded[3 * (radius - p - 1) + c] = middle[3 * left + c]
                padded[3 * (radius + width + p) + c] = middle[3 * right + c]
        made[:] = np.float32(0.5)  # rounded to the nearest
        for k in range(len(weights)):
            shifted, weight = padded[3 * k : 3 * k + values], weights[k]
            for i in range(values):
                made[i] += weight * shifted[i]
        line = out[y]
        for i in range(values):
            line[i] = np.uint8(min(made[i], np.float32(255)))
