"""Which pixels of an image a resized one is summed from, and their weights.

No fast-math: every sum has one order, so all machines give the same pixels.
"""

from __future__ import annotations

import numba
import numpy as np

compiled = numba.njit(error_model="numpy")

RADIUS = {"bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}
"""The reach of an interpolation, in pixels of the smaller of the two images; here it identifies the interpolation."""
BILINEAR = RADIUS["bilinear"]


@compiled
def influence(x: float, radius: float) -> float:
    """The kernel at the distance x >= 0: triangle, Keys' cubic with a = -1/2, or Lanczos 3, as in Pillow."""
    if x >= radius:
        return 0.0
    if radius == BILINEAR:
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
def fixed_point(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Weights as `taps` gives them times 65535, in whole numbers, uint16, whose sum is just that: running sums are
    rounded, so the errors do not add up."""
    made = np.zeros(weights.shape, np.uint16)
    for i in range(len(counts)):
        total = 0.0
        given = 0
        for t in range(counts[i]):
            total += weights[i, t]
            reached = min(int(total * 65535.0 + 0.5), 65535)
            made[i, t] = reached - given
            given = reached
    return made
