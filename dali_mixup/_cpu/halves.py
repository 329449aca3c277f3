"""Float32 rounded to numbers of 16 bits in compiled loops: to the nearest, ties to even, as NumPy and torch round.

Written with whole numbers, because not all processors have instructions for it; LLVM turns the loops into vectors.
Every intermediate result is cut to 32 bits, since Numba would go on with 64.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numba
import numpy as np

compiled = numba.njit(error_model="numpy")


class Floats(IntEnum):
    """The numbers that a kernel writes."""

    FLOAT32 = 0
    FLOAT16 = 1
    BFLOAT16 = 2


FLOAT32, FLOAT16, BFLOAT16 = int(Floats.FLOAT32), int(Floats.FLOAT16), int(Floats.BFLOAT16)

u32 = np.uint32
ONE, THIRTEEN, SIXTEEN = u32(1), u32(13), u32(16)
MAGNITUDE = u32(0x7FFFFFFF)
LEAST_NORMAL = u32((127 - 14) << 23)  # 2**-14, the least float16 of full precision
TOO_LARGE = u32((127 + 16) << 23)  # 2**16
INFINITE = u32(0x7C00)
REBASED = u32(((15 - 127 << 23) + 0xFFF) & 0xFFFFFFFF)  # to the exponents of float16, and rounding half down
HALF = u32((127 - 1) << 23)  # 0.5, in whose float32 one unit in the last place is the least float16
BLOCK = 512


@compiled
def to_float16(numbers: Any, made: Any) -> None:
    """Fill `made` (n,) uint16 with the bits of `numbers` (n,) float32, none of which is NaN."""
    bits = numbers.view(np.uint32)
    sums = np.empty(BLOCK, np.float32)
    small = sums.view(np.uint32)
    for first in range(0, len(numbers), BLOCK):
        count = min(BLOCK, len(numbers) - first)
        values, words, halves = (
            numbers[first : first + count],
            bits[first : first + count],
            made[first : first + count],
        )
        for i in range(count):
            sums[i] = abs(values[i]) + np.float32(0.5)
        for i in range(count):
            size = u32(words[i] & MAGNITUDE)
            odd = u32(u32(size >> THIRTEEN) & ONE)
            half = u32(u32(u32(size + REBASED) + odd) >> THIRTEEN)
            subnormal = u32(small[i] - HALF)
            half = half if size >= LEAST_NORMAL else subnormal
            half = half if size < TOO_LARGE else INFINITE
            halves[i] = np.uint16(u32(half | u32(u32(words[i] ^ size) >> SIXTEEN)))


@compiled
def to_bfloat16(numbers: Any, made: Any) -> None:
    """Fill `made` (n,) uint16 with the bits of `numbers` (n,) float32, none of which is NaN."""
    bits = numbers.view(np.uint32)
    for i in range(len(bits)):
        odd = u32(u32(bits[i] >> SIXTEEN) & ONE)
        made[i] = np.uint16(u32(u32(u32(bits[i] + u32(0x7FFF)) + odd) >> SIXTEEN))
