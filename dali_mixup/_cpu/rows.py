"""A row of a mixed and normalised image on its way to memory: made as float32 in the first cache, rounded there to
numbers of 16 bits if these are wanted, and written in whole cache lines.

A processor reads a cache line before it writes a part of it, and of these images nothing is there that anybody needs.
Lines that are written whole, past the cache, are not read first.
"""

from __future__ import annotations

import numba
import numpy as np

from dali_mixup._cpu.abi import address_in
from dali_mixup._cpu.halves import BFLOAT16, FLOAT16, FLOAT32, to_bfloat16, to_float16
from dali_mixup._cpu.lines import inlined
from dali_mixup._cpu.memory import copied
from dali_mixup._cpu.vectors import LANES

compiled = numba.njit(error_model="numpy")

PAST_CACHE = 1 << 18
"""Bytes of an image from which on it is written past the cache: a batch of smaller ones may still be there when it is
used."""


@compiled
def written(
    planes: bool, floats: int, row: int, halves: int, target: int, y: int, height: int, width: int
) -> None:
    """Writes row y of an image of (3, height, width) or (height, width, 3) numbers, as `floats` says, at `target`.

    Args:
        planes: the image is (3, height, width).
        row, halves: the addresses of `row_of`.
    """
    wide = max(width, LANES)
    size, source = 4, row
    if floats != FLOAT32:
        numbers = numba.carray(address_in(row), 3 * wide, np.float32)
        rounded = numba.carray(address_in(halves), 3 * wide, np.uint16)
        if floats == FLOAT16:
            to_float16(numbers, rounded)
        elif floats == BFLOAT16:
            to_bfloat16(numbers, rounded)
        size, source = 2, halves
    past_cache = 3 * size * height * width >= PAST_CACHE
    length = size * width
    if planes:
        for c in range(3):
            copied(target + length * (c * height + y), source + size * wide * c, length, past_cache)
    else:
        copied(target + 3 * length * y, source, 3 * length, past_cache)


@inlined
def row_of(width: int) -> tuple[np.ndarray, np.ndarray]:
    """The memory for a row of an image so wide, at least 16 pixels: (3 w,) float32; and for its halves, (3 w,)
    uint16."""
    wide = max(width, LANES)
    return np.empty(3 * wide, np.float32), np.empty(3 * wide, np.uint16)
