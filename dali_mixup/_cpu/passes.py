"""The two passes of resizing, line by line and pixel by pixel: in float32, which serves every interpolation, and in
fixed point, which is faster."""

from __future__ import annotations

import numba
import numpy as np

from dali_mixup._cpu.lanes import load, load_bytes, splat, splat_at, store, store_bytes
from dali_mixup._cpu.shorts import (
    load_high,
    load_shorts,
    splat_short,
    splat_short_at,
    store_high,
    store_shorts,
)
from dali_mixup._cpu.vectors import LANES

compiled = numba.njit(error_model="numpy")


@compiled
def weighted_line(target: int, source: int, step: int, weights: int, count: int, values: int) -> None:
    """At `target`, `values` float32 (at least 16 are written): the sum of `count` lines of bytes, `step` apart from
    `source` on, times the weights, float32 at `weights`."""
    last = max(values - LANES, 0)
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
    """As `weighted_line`, but uint16 in 256ths are written, and the weights are uint16, those of `fixed_point`.

    Products are rounded down, which takes half a unit off on average, and the weights fall short of 1 by one: both are
    made up for at the start.
    """
    last = max(values - LANES, 0)
    missing = splat_short(np.uint16((count + 1) // 2))
    if count == 2:
        w0, w1 = splat_short_at(weights), splat_short_at(weights + 2)
        for i in range(0, values, LANES):
            v = min(i, last)
            at = source + v
            store_shorts(target + 2 * v, missing + w0 * load_high(at) + w1 * load_high(at + step))
    elif count == 3:
        w0, w1, w2 = splat_short_at(weights), splat_short_at(weights + 2), splat_short_at(weights + 2 * 2)
        for i in range(0, values, LANES):
            v = min(i, last)
            at = source + v
            pair = missing + w0 * load_high(at) + w1 * load_high(at + step)
            store_shorts(target + 2 * v, pair + w2 * load_high(at + 2 * step))
    else:
        for i in range(0, values, LANES):
            v = min(i, last)
            total = missing
            for t in range(count):
                total = total + splat_short_at(weights + 2 * t) * load_high(source + v + t * step)
            store_shorts(target + 2 * v, total)


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


@compiled
def fixed_pixel(target: int, source: int, weights: int, count: int) -> None:
    """As `weighted_pixel`, of three times 16 uint16 as `fixed_line` makes them."""
    red = green = blue = splat_short(np.uint16(128 + (count + 1) // 2))
    for t in range(count):
        weight = splat_short_at(weights + 2 * t)
        at = source + 6 * LANES * t
        red = red + weight * load_shorts(at)
        green = green + weight * load_shorts(at + 2 * LANES)
        blue = blue + weight * load_shorts(at + 4 * LANES)
    store_high(target, red)
    store_high(target + LANES, green)
    store_high(target + 2 * LANES, blue)
