"""Mixing and normalising one image in one pass: loops that Numba compiles.

The partners' images are read where they are: one function finds the addresses of a batch's images and masks, which DALI
gives only to functions that see the whole batch, and another one, which DALI runs on all threads, reads them there.

No fast-math: every sum has one order, so all machines give the same pixels.

Images are lines of 3 W interleaved bytes. Loops run over x alone, and every index is 3 x plus a constant, because that
is what LLVM turns into vector instructions: with (H, W, 3) arrays, or slices of lines, they take twice as long.

The functions that DALI calls are at the end of this file: Numba keeps compiled code on disk and looks only at the file
of the entry point to see whether that code is still valid.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import (
    RUN,
    RUN_BATCH,
    address_in,
    address_of,
    array_at,
    entry_point,
    pointer_to,
    shape_of,
)
from dali_mixup.methods import Form

inlined = numba.njit(error_model="numpy", inline="always")  # so that `planes` is a constant in the loops
compiled = numba.njit(error_model="numpy")

BLEND, PASTE, MASK, SEPARABLE = int(Form.BLEND), int(Form.PASTE), int(Form.MASK), int(Form.SEPARABLE)

SPREAD = np.ascontiguousarray(
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) * np.uint8(255)
).view(np.uint64)[:, 0]
"""(256,): the eight bits of a byte as eight bytes, 255 where a bit is 1, the highest bit first in memory."""


@inlined
def put(planes: bool, planar: Any, mixed: Any, y: int, x: int, red: Any, green: Any, blue: Any) -> None:
    """Write a pixel of the result, of which `planar` (3, H, W) and `mixed` (H, 3 W) are two views."""
    if planes:
        planar[0, y, x] = red
        planar[1, y, x] = green
        planar[2, y, x] = blue
    else:
        mixed[y, 3 * x] = red
        mixed[y, 3 * x + 1] = green
        mixed[y, 3 * x + 2] = blue


@inlined
def scaled_line(planes: bool, planar: Any, mixed: Any, y: int, line: Any, scale: Any, shift: Any) -> None:
    """Row y of the result: scale * line + shift."""
    s0, s1, s2 = scale[0], scale[1], scale[2]
    t0, t1, t2 = shift[0], shift[1], shift[2]
    for x in range(planar.shape[2]):
        put(
            planes,
            planar,
            mixed,
            y,
            x,
            s0 * line[3 * x] + t0,
            s1 * line[3 * x + 1] + t1,
            s2 * line[3 * x + 2] + t2,
        )


@inlined
def added_line(planes: bool, planar: Any, mixed: Any, y: int, line: Any, scale: Any) -> None:
    """Row y of the result, plus scale * line."""
    s0, s1, s2 = scale[0], scale[1], scale[2]
    for x in range(planar.shape[2]):
        if planes:
            planar[0, y, x] += s0 * line[3 * x]
            planar[1, y, x] += s1 * line[3 * x + 1]
            planar[2, y, x] += s2 * line[3 * x + 2]
        else:
            mixed[y, 3 * x] += s0 * line[3 * x]
            mixed[y, 3 * x + 1] += s1 * line[3 * x + 1]
            mixed[y, 3 * x + 2] += s2 * line[3 * x + 2]


@inlined
def chosen_line(
    planes: bool, planar: Any, mixed: Any, y: int, own: Any, other: Any, mask: Any, scale: Any, shift: Any
) -> None:
    """Row y of the result from `own` where mask is 255, from `other` where it is 0."""
    s0, s1, s2 = scale[0], scale[1], scale[2]
    t0, t1, t2 = shift[0], shift[1], shift[2]
    for x in range(planar.shape[2]):
        m = mask[x]
        put(
            planes,
            planar,
            mixed,
            y,
            x,
            s0 * np.uint8(other[3 * x] ^ ((own[3 * x] ^ other[3 * x]) & m)) + t0,
            s1 * np.uint8(other[3 * x + 1] ^ ((own[3 * x + 1] ^ other[3 * x + 1]) & m)) + t1,
            s2 * np.uint8(other[3 * x + 2] ^ ((own[3 * x + 2] ^ other[3 * x + 2]) & m)) + t2,
        )


@inlined
def weighted_line(
    planes: bool, planar: Any, mixed: Any, y: int, own: Any, other: Any, mask: Any, scale: Any, shift: Any
) -> None:
    """Row y of the result: mask * own + (1 - mask) * other, normalised. Exact where the mask is 0 or 1."""
    s0, s1, s2 = scale[0], scale[1], scale[2]
    t0, t1, t2 = shift[0], shift[1], shift[2]
    for x in range(planar.shape[2]):
        m = mask[x]
        rest = np.float32(1) - m
        put(
            planes,
            planar,
            mixed,
            y,
            x,
            s0 * (m * own[3 * x] + rest * other[3 * x]) + t0,
            s1 * (m * own[3 * x + 1] + rest * other[3 * x + 1]) + t1,
            s2 * (m * own[3 * x + 2] + rest * other[3 * x + 2]) + t2,
        )


@compiled
def copied(target: np.ndarray, source: np.ndarray) -> None:
    for i in range(len(target)):
        target[i] = source[i]


@compiled
def pasted_line(line: Any, y: int, own: Any, regions: Any, addresses: Any) -> bool:
    """Fill `line` (3 W,) with row y of `own` and the rectangles over it; False, and nothing done, if none is there."""
    width, any_there = len(line) // 3, False
    for r in range(len(regions)):
        column, sy, sx, ty, tx, h, w = regions[r]
        if w > 0 and ty <= y < ty + h:
            if not any_there:
                copied(line, own[y])
                any_there = True
            source = address_of(own) if column == 0 else addresses[column - 1]
            copied(
                array_at(address_of(line) + 3 * tx, 3 * w),
                array_at(source + 3 * ((sy + y - ty) * width + sx), 3 * w),
            )
    return any_there


@inlined
def finish(
    planes: bool, planar: Any, mixed: Any, own: Any, addresses: Any, coefficients: Any, steps: Any
) -> None:
    """Fills the result, of which `planar` and `mixed` are views.

    Args:
        planes: the result is (3, H, W), else (H, W, 3).
        own: (H, 3 W) uint8.
        addresses: (k,) of the k - 1 partners' images, and of the mask.
        coefficients: (k + 1, 3), the factor of each image and the summand.
        steps: (1 + r, 7): the row's form and 1 if its mask is hard; then its regions, see `methods.Draws`.
    """
    height, width = planar.shape[1], planar.shape[2]
    form, hard = steps[0, 0], steps[0, 1]
    shift = coefficients[len(coefficients) - 1]
    scale = coefficients[0]
    if form == BLEND:
        for y in range(height):
            scaled_line(planes, planar, mixed, y, own[y], scale, shift)
            for j in range(1, len(coefficients) - 1):
                if coefficients[j, 0] != 0.0:
                    line = array_at(addresses[j - 1] + 3 * width * y, 3 * width)
                    added_line(planes, planar, mixed, y, line, coefficients[j])
    elif form == PASTE:
        buffer = np.empty(3 * width, np.uint8)
        for y in range(height):
            line = buffer if pasted_line(buffer, y, own, steps[1:], addresses) else own[y]
            scaled_line(planes, planar, mixed, y, line, scale, shift)
    elif form in (MASK, SEPARABLE):
        mask = addresses[len(addresses) - 1]
        if form == MASK and hard:
            stride = (width + 7) // 8
            packed = numba.carray(address_in(mask), (height, stride), np.uint8)
            eights = np.empty(stride, np.uint64)
            chosen = eights.view(np.uint8)
            for y in range(height):
                for j in range(stride):
                    eights[j] = SPREAD[packed[y, j]]
                other = array_at(addresses[0] + 3 * width * y, 3 * width)
                chosen_line(planes, planar, mixed, y, own[y], other, chosen, scale, shift)
        else:
            values = numba.carray(address_in(mask), (2 * (height + width),), np.float32)
            dense = numba.carray(address_in(mask), (height, width), np.float32)
            made = np.empty(width, np.float32)
            for y in range(height):
                if form == SEPARABLE:
                    u, d = values[y], values[height + y]
                    for x in range(width):
                        made[x] = d * values[2 * height + width + x] + u + values[2 * height + x]
                else:
                    for x in range(width):
                        made[x] = dense[y, x]
                other = array_at(addresses[0] + 3 * width * y, 3 * width)
                weighted_line(planes, planar, mixed, y, own[y], other, made, scale, shift)
    else:
        for y in range(height):
            scaled_line(planes, planar, mixed, y, own[y], scale, shift)


def normalise_entry(planes: bool) -> Any:
    """(coefficients (2, 3) float32, image (H, W, 3) uint8) -> (3, H, W) or (H, W, 3) float32: the image times the first
    row, plus the second."""

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
        coefficients = numba.carray(pointer_to(ins, 0), (2, 3), np.float32)
        own = numba.carray(pointer_to(ins, 1), (height, 3 * width), np.uint8)
        planar = numba.carray(pointer_to(outs, 0), (3, height, width), np.float32)
        mixed = numba.carray(pointer_to(outs, 0), (height, 3 * width), np.float32)
        for y in range(height):
            scaled_line(planes, planar, mixed, y, own[y], coefficients[0], coefficients[1])

    return entry_point(RUN, run)


def finish_entry(planes: bool) -> Any:
    """(coefficients, own image (H, W, 3) uint8, addresses, steps, and whatever the addresses are of) -> (3, H, W) or
    (H, W, 3) float32; see `finish`."""

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
        coefficients = numba.carray(pointer_to(ins, 0), (shape_of(in_shapes, 0, 2)[0], 3), np.float32)
        own = numba.carray(pointer_to(ins, 1), (height, 3 * width), np.uint8)
        addresses = numba.carray(pointer_to(ins, 2), (shape_of(in_shapes, 2, 1)[0],), np.int64)
        steps = numba.carray(pointer_to(ins, 3), (shape_of(in_shapes, 3, 2)[0], 7), np.int32)
        planar = numba.carray(pointer_to(outs, 0), (3, height, width), np.float32)
        mixed = numba.carray(pointer_to(outs, 0), (height, 3 * width), np.float32)
        finish(planes, planar, mixed, own, addresses, coefficients, steps)

    return entry_point(RUN, run)


def addresses_entry() -> Any:
    """For a whole batch: (rows (k,) int32 of the partners, and of the mask; images; masks) -> addresses (k,) int64 of
    those images and of that mask."""

    def run(
        outs: int,
        out_shapes: int,
        out_dims: int,
        out_count: int,
        ins: int,
        in_shapes: int,
        in_dims: int,
        in_count: int,
        samples: int,
    ) -> None:
        table = numba.carray(address_in(ins), (3, samples), np.int64)
        for i in range(samples):
            k = shape_of(in_shapes, i, 1)[0]
            rows = numba.carray(address_in(table[0, i]), (k,), np.int32)
            found = numba.carray(pointer_to(outs, i), (k,), np.int64)
            for j in range(k - 1):
                found[j] = table[1, rows[j]]
            found[k - 1] = table[2, rows[k - 1]]

    return entry_point(RUN_BATCH, run)
