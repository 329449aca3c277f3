"""The two passes of resizing, line by line and pixel by pixel: in float32, which serves every interpolation, and in
fixed point, which is faster."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.lanes import (
    load,
    load_bytes,
    splat,
    splat_at,
    store,
    store_bytes,
    transpose_bytes,
    transpose_floats,
)
from dali_mixup._cpu.shorts import (
    load_apart,
    load_shorts,
    splat_short,
    splat_short_at,
    store_joined,
    store_shorts,
    transpose_shorts,
)
from dali_mixup._cpu.vectors import LANES

compiled = numba.njit(error_model="numpy")
inlined = numba.njit(error_model="numpy", inline="always")

BLOCK = 2 * LANES
"""Bytes that fill a vector of uint16."""
GROUP = 32
"""Pixels of a row that are written at a time: their bytes fill whole vectors of uint16."""


@compiled
def weighted_line(target: int, source: int, step: int, weights: int, count: int, values: int) -> None:
    """At `target`, `values` float32, at least 16: the sum of `count` lines of bytes, `step` apart from `source` on,
    times the weights, float32 at `weights`."""
    last = values - LANES
    # The usual numbers of lines have a loop each, which keeps the weights in registers.
    if count == 2:
        w0, w1 = splat_at(weights), splat_at(weights + 4)
        for i in range(0, values, LANES):
            v = min(i, last)  # the last vector overlaps the one before
            at = source + v
            store(target + 4 * v, w0 * load_bytes(at) + w1 * load_bytes(at + step))
    elif count == 3:
        w0, w1, w2 = splat_at(weights), splat_at(weights + 4), splat_at(weights + 4 * 2)
        for i in range(0, values, LANES):
            v = min(i, last)
            at = source + v
            pair = w0 * load_bytes(at) + w1 * load_bytes(at + step)
            store(target + 4 * v, pair + w2 * load_bytes(at + 2 * step))
    else:
        for i in range(0, values, LANES):
            v = min(i, last)
            total = splat_at(weights) * load_bytes(source + v)
            for t in range(1, count):
                total = total + splat_at(weights + 4 * t) * load_bytes(source + v + t * step)
            store(target + 4 * v, total)


@compiled
def fixed_line(target: int, source: int, step: int, weights: int, count: int, values: int) -> None:
    """As `weighted_line`, but uint16 in 256ths are written, and the weights are uint16, those of `fixed_point`. Values
    are at least 32 and go by 32, the last of which may overlap those before: of each the first, third, ... are written
    in front of the second, fourth, ...

    Products are rounded down, which takes half a unit off on average, and the weights fall short of 1 by one: both are
    made up for at the start.
    """
    last = values - BLOCK
    missing = splat_short(np.uint16((count + 1) // 2))
    if count == 2:
        w0, w1 = splat_short_at(weights), splat_short_at(weights + 2)
        for i in range(0, values, BLOCK):
            at = source + min(i, last)
            one, two = load_apart(at), load_apart(at + step)
            store_shorts(target + 2 * i, missing + w0 * one[0] + w1 * two[0])
            store_shorts(target + 2 * i + BLOCK, missing + w0 * one[1] + w1 * two[1])
    elif count == 3:
        w0, w1, w2 = splat_short_at(weights), splat_short_at(weights + 2), splat_short_at(weights + 2 * 2)
        for i in range(0, values, BLOCK):
            at = source + min(i, last)
            one, two, three = load_apart(at), load_apart(at + step), load_apart(at + 2 * step)
            store_shorts(target + 2 * i, missing + w0 * one[0] + w1 * two[0] + w2 * three[0])
            store_shorts(target + 2 * i + BLOCK, missing + w0 * one[1] + w1 * two[1] + w2 * three[1])
    else:
        for i in range(0, values, BLOCK):
            at = source + min(i, last)
            first = second = missing
            for t in range(count):
                weight, loaded = splat_short_at(weights + 2 * t), load_apart(at + t * step)
                first, second = first + weight * loaded[0], second + weight * loaded[1]
            store_shorts(target + 2 * i, first)
            store_shorts(target + 2 * i + BLOCK, second)


@compiled
def weighted_turned(lines: int, values: int, turned: int) -> None:
    """Transposes 16 lines as `weighted_line` makes them: 16 float32 for each value."""
    for i in range(0, values, LANES):
        v = min(i, values - LANES)
        transpose_floats(lines + 4 * v, 4 * values, turned + 4 * LANES * v, 4 * LANES)


@compiled
def fixed_turned(lines: int, values: int, turned: int) -> None:
    """Transposes 16 lines as `fixed_line` makes them, `fixed_length` apart: 16 uint16 for each value, in order."""
    for i in range(0, values, BLOCK):
        v = min(i, values - BLOCK)
        for odd in range(2):
            line, place = lines + 2 * i + BLOCK * odd, turned + 2 * LANES * (v + odd)
            transpose_shorts(line, fixed_length(values), place, 4 * LANES)


@compiled
def fixed_length(values: int) -> int:
    """The bytes of a line as `fixed_line` makes it."""
    return 2 * BLOCK * -(-values // BLOCK)


@compiled
def weighted_pixel(target: int, source: int, weights: int, count: int) -> None:
    """At `target`, three times 16 bytes: red, green and blue of one pixel in 16 rows, the rounded sum of `count` pixels
    from `source` on, three times 16 float32 each, times the weights."""
    red = green = blue = splat(np.float32(0.5))  # truncating after that rounds
    for t in range(count):
        weight = splat_at(weights + 4 * t)
        at = source + 12 * LANES * t
        red = red + weight * load(at)
        green = green + weight * load(at + 4 * LANES)
        blue = blue + weight * load(at + 8 * LANES)
    store_bytes(target, red)
    store_bytes(target + LANES, green)
    store_bytes(target + 2 * LANES, blue)


@inlined
def fixed_pixel(source: int, weights: int, count: int) -> tuple[Any, Any, Any]:
    """Red, green and blue of one pixel in 16 rows, in 256ths: the sum of `count` pixels from `source` on, three times
    16 uint16 as `fixed_line` makes them, times the weights, those of `fixed_point`."""
    red = green = blue = splat_short(np.uint16(128 + (count + 1) // 2))
    for t in range(count):
        weight = splat_short_at(weights + 2 * t)
        at = source + 6 * LANES * t
        red = red + weight * load_shorts(at)
        green = green + weight * load_shorts(at + 2 * LANES)
        blue = blue + weight * load_shorts(at + 4 * LANES)
    return red, green, blue


@compiled
def fixed_pair(
    target: int, source: int, weights: int, count: int, next_source: int, next_weights: int, next_count: int
) -> None:
    """At `target`, three times 16 pairs of bytes: a pixel as of `fixed_pixel` and the next one in 16 rows, rounded; red
    and green of the first, its blue and the next one's red, the next one's green and blue."""
    red, green, blue = fixed_pixel(source, weights, count)
    next_red, next_green, next_blue = fixed_pixel(next_source, next_weights, next_count)
    store_joined(target, red, green)
    store_joined(target + 2 * LANES, blue, next_red)
    store_joined(target + 4 * LANES, next_green, next_blue)


@compiled
def weighted_written(sums: int, target: int, step: int) -> None:
    """32 pixels of 16 rows, as `weighted_pixel` makes them one behind the other, to a target whose rows are `step`
    apart."""
    for i in range(0, 3 * GROUP, LANES):
        transpose_bytes(sums + LANES * i, LANES, target + i, step)


@compiled
def fixed_written(sums: int, target: int, step: int) -> None:
    """As `weighted_written`, of 16 pairs as `fixed_pair` makes them."""
    for i in range(0, 3 * GROUP, BLOCK):
        transpose_shorts(sums + LANES * i, BLOCK, target + i, step)
