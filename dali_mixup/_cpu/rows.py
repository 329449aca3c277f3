"""A row of a mixed and normalised image on its way to memory: made as float32 in the first cache, rounded there to
numbers of 16 bits if these are wanted, and written in whole cache lines.

A processor reads a cache line before it writes a part of it, and of these images nothing is there that anybody needs.
Lines that are written whole, past the cache, are not read first.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dali_mixup._cpu.abi import address_in, array_at, copy_numbers
from dali_mixup._cpu.halves import BFLOAT16, FLOAT16, FLOAT32, to_bfloat16, to_float16
from dali_mixup._cpu.lines import inlined
from dali_mixup._cpu.vectors import INDEX, LANES, at

compiled = numba.njit(error_model="numpy")

CACHE_LINE = 64
PAST_CACHE = 1 << 18
"""Bytes of an image from which on it is written past the cache: a batch of smaller ones may still be there when it is
used."""

_LINE = ir.VectorType(ir.IntType(8), CACHE_LINE)


@intrinsic
def copy_cache_line(_: Any, target: Any, source: Any) -> Any:
    """Copy the 64 bytes at an address."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        line = builder.load(at(builder, args[1], _LINE), align=1)
        builder.store(line, at(builder, args[0], _LINE), align=1)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), generated


@intrinsic
def send_cache_line(_: Any, target: Any, source: Any) -> Any:
    """Copy the 64 bytes at an address to another one, a multiple of 64, past the cache."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        line = builder.load(at(builder, args[1], _LINE), align=1)
        stored = builder.store(line, at(builder, args[0], _LINE), align=CACHE_LINE)
        stored.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(INDEX, 1)]))
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), generated


@intrinsic
def sent(_: Any) -> Any:
    """What was sent past the cache is there for other threads before what follows."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.none(), generated


@compiled
def copied(target: int, source: int, count: int, past_cache: bool) -> None:
    """Copies `count` bytes from one address to another, past the cache if they are whole lines of it."""
    if past_cache and target % CACHE_LINE == 0 and count % CACHE_LINE == 0:
        for i in range(0, count, CACHE_LINE):
            send_cache_line(target + i, source + i)
    elif count >= CACHE_LINE:
        for i in range(0, count, CACHE_LINE):
            v = min(i, count - CACHE_LINE)  # the last one overlaps the one before
            copy_cache_line(target + v, source + v)
    else:
        copy_numbers(array_at(source, count), array_at(target, count))


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
