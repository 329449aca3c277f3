"""Rectangles of normal noise in compiled loops.

A pixel is one of 256 levels, whose probabilities under the rounded and cut normal law are known: Walker's alias method
(1977) draws a level from one random number, in the time of two look-ups.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import RUN, copy_numbers, entry_point, pointer_to, shape_of

compiled = numba.njit(error_model="numpy")

LEVELS = 256
ONE = 1 << 16  # a probability of 1 in the tables
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S27, S30, S31, S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)


@compiled
def tables_of(mean: float, std: float, kept: Any, other: Any) -> None:
    """Fill the tables of Vose's form of the method (1991) for the levels 0..255 of a rounded, cut normal law.

    Args:
        kept: (256,) int32, of each column the share, of `ONE`, of its own level.
        other: (256,) int32, the level of the rest.
    """
    scaled = np.empty(LEVELS, np.float64)
    below = 0.0
    for level in range(LEVELS):
        up_to = 1.0
        if level < LEVELS - 1:
            up_to = 0.5 * math.erfc((mean - (level + 0.5)) / (std * math.sqrt(2.0)))
        scaled[level] = (up_to - below) * LEVELS
        below = up_to
    poor, rich = np.empty(LEVELS, np.int32), np.empty(LEVELS, np.int32)
    poors, riches = 0, 0
    for level in range(LEVELS):
        kept[level], other[level] = ONE, level
        if scaled[level] < 1.0:
            poor[poors] = level
            poors += 1
        else:
            rich[riches] = level
            riches += 1
    while poors and riches:
        poors -= 1
        low, high = poor[poors], rich[riches - 1]
        kept[low], other[low] = int(scaled[low] * ONE + 0.5), high
        scaled[high] -= 1.0 - scaled[low]
        if scaled[high] < 1.0:
            riches -= 1
            poor[poors] = high
            poors += 1


@compiled
def next_bits(state: Any) -> Any:
    """64 random bits, of splitmix64 (Steele et al. 2014)."""
    bits = np.uint64((state ^ (state >> S30)) * FIRST)
    bits = np.uint64((bits ^ (bits >> S27)) * SECOND)
    return np.uint64(bits ^ (bits >> S31))


@compiled
def noisy(image: Any, start: Any, shape: Any, key: Any, scale: Any, shift: Any) -> None:
    """Fill a rectangle of an image with noise, independent for each pixel and channel.

    Args:
        image: (H, 3 W) uint8.
        start, shape: (2,) (y, x) and (height, width), inside the image.
        key: (2,) int32, the seed.
        scale, shift: (3,) of the normalisation, under which the noise has mean 0 and deviation 1.
    """
    kept, other = np.empty((3, LEVELS), np.int32), np.empty((3, LEVELS), np.int32)
    for c in range(3):
        std = 1.0 / np.float64(scale[c])
        tables_of(-np.float64(shift[c]) * std, std, kept[c], other[c])
    state = np.uint64(np.uint64(key[0]) << S32) ^ np.uint64(key[1])
    bits, left = np.uint64(0), 0
    for y in range(start[0], start[0] + shape[0]):
        for x in range(start[1], start[1] + shape[1]):
            for c in range(3):
                if left == 0:
                    state = np.uint64(state + GOLDEN)
                    bits, left = next_bits(state), 2
                number = np.int64(bits & np.uint64(0xFFFFFF))
                bits, left = np.uint64(bits >> S32), left - 1
                column, share = number >> 16, number & (ONE - 1)
                level = column if share < kept[c, column] else other[c, column]
                image[y, 3 * x + c] = np.uint8(level)


def noise_entry() -> Any:
    """(image (H, W, 3) uint8, start (2,), shape (2,), key (2,) int32, normalising (2, 3) float32) -> (H, W, 3) uint8;
    see `noisy`."""

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
        size = shape_of(in_shapes, 0, 3)
        flat = (size[0], 3 * size[1])
        out = numba.carray(pointer_to(outs, 0), flat, np.uint8)
        copy_numbers(numba.carray(pointer_to(ins, 0), flat, np.uint8).reshape(-1), out.reshape(-1))
        start = numba.carray(pointer_to(ins, 1), (2,), np.int32)
        shape = numba.carray(pointer_to(ins, 2), (2,), np.int32)
        key = numba.carray(pointer_to(ins, 3), (2,), np.int32)
        normalising = numba.carray(pointer_to(ins, 4), (2, 3), np.float32)
        noisy(out, start, shape, key, normalising[0], normalising[1])

    return entry_point(RUN, run)
