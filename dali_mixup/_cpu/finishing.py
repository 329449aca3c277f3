"""Mixing and normalising one image in one pass: loops that Numba compiles.

The partners' images are read where they are: one function finds the addresses of a batch's images and masks, which DALI
gives only to functions that see the whole batch, and another one, which DALI runs on all threads, reads them there.

No fast-math: every sum has one order, so all machines give the same pixels.

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
    array_at,
    entry_point,
    pointer_to,
    shape_of,
)
from dali_mixup._cpu.contours import contoured
from dali_mixup._cpu.halves import BFLOAT16, FLOAT16, FLOAT32, to_bfloat16, to_float16
from dali_mixup._cpu.kinds import MaskKind
from dali_mixup._cpu.lines import added_line, chosen_line, inlined, scaled_line, weighted_line
from dali_mixup._cpu.pasting import pasted, placed, resized
from dali_mixup.methods import Form
from dali_mixup.methods.masks import STEP

BLEND, PASTE, RESIZE = int(Form.BLEND), int(Form.PASTE), int(Form.RESIZE)
MASK, SEPARABLE = int(Form.MASK), int(Form.SEPARABLE)
BITS, GRID = int(MaskKind.BITS), int(MaskKind.GRID)

SPREAD = np.ascontiguousarray(
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) * np.uint8(255)
).view(np.uint64)[:, 0]
"""(256,): the eight bits of a byte as eight bytes, 255 where a bit is 1, the highest bit first in memory."""


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
        steps: (1 + r, 7): the row's form, its mask's `MaskKind` and, for a grid, the number of highest pixels and the
            stride; then its regions, see `methods.Draws`. Those of RESIZE are where a column's whole image, made so
            small, is pasted.
    """
    height, width = planar.shape[1], planar.shape[2]
    form, kind = steps[0, 0], steps[0, 1]
    shift = coefficients[len(coefficients) - 1]
    scale = coefficients[0]
    if form in (PASTE, RESIZE):
        regions = steps[1:]
        patches = resized(own, addresses, height, width, regions) if form == RESIZE else np.empty(0, np.uint8)
        places = placed(own, addresses, width, regions, patches, form == RESIZE)
        pasted(planes, planar, mixed, own, regions, patches, places, scale, shift)
    elif form in (MASK, SEPARABLE):
        mask = addresses[len(addresses) - 1]
        if form == MASK and kind == GRID:
            stride = steps[0, 3]
            points = ((height - 1) // stride + 2, (width - 1) // stride + 2)
            grid = numba.carray(address_in(mask), points, np.int16)
            others = numba.carray(address_in(addresses[0]), (height, 3 * width), np.uint8)
            contoured(planes, planar, mixed, own, others, grid, steps, scale, shift)
        elif form == MASK and kind == BITS:
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
            levels = numba.carray(address_in(mask), (height, width), np.uint8)
            made = np.empty(width, np.float32)
            for y in range(height):
                if form == SEPARABLE:
                    u, d = values[y], values[height + y]
                    for x in range(width):
                        made[x] = d * values[2 * height + width + x] + u + values[2 * height + x]
                else:
                    for x in range(width):
                        made[x] = STEP * levels[y, x]
                other = array_at(addresses[0] + 3 * width * y, 3 * width)
                weighted_line(planes, planar, mixed, y, own[y], other, made, scale, shift)
    else:
        images = len(coefficients) - 1 if form == BLEND else 1
        for y in range(height):
            scaled_line(planes, planar, mixed, y, own[y], scale, shift)
            for j in range(1, images):
                if coefficients[j, 0] != 0.0:
                    line = array_at(addresses[j - 1] + 3 * width * y, 3 * width)
                    added_line(planes, planar, mixed, y, line, coefficients[j])


@inlined
def begun(floats: int, outs: int, count: int) -> np.ndarray:
    """(count,) float32 to be filled: the result itself, or what `ended` rounds."""
    if floats == FLOAT32:
        return numba.carray(pointer_to(outs, 0), (count,), np.float32)
    return np.empty(count, np.float32)


@inlined
def ended(floats: int, outs: int, made: Any) -> None:
    """The numbers as `floats`, a value of `Floats`. One image of float32 stays in the cache until it is rounded."""
    if floats == FLOAT16:
        to_float16(made, numba.carray(pointer_to(outs, 0), (len(made),), np.uint16))
    elif floats == BFLOAT16:
        to_bfloat16(made, numba.carray(pointer_to(outs, 0), (len(made),), np.uint16))


def normalise_entry(planes: bool, floats: int) -> Any:
    """(coefficients (2, 3) float32, image (H, W, 3) uint8) -> (3, H, W) or (H, W, 3) of `floats`: the image times the
    first row, plus the second."""

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
        made = begun(floats, outs, 3 * height * width)
        planar, mixed = made.reshape((3, height, width)), made.reshape((height, 3 * width))
        for y in range(height):
            scaled_line(planes, planar, mixed, y, own[y], coefficients[0], coefficients[1])
        ended(floats, outs, made)

    return entry_point(RUN, run)


def finish_entry(planes: bool, floats: int) -> Any:
    """(coefficients, own image (H, W, 3) uint8, addresses, steps, and the masks that they are of) -> (3, H, W) or
    (H, W, 3) of `floats`; see `finish`."""

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
        made = begun(floats, outs, 3 * height * width)
        planar, mixed = made.reshape((3, height, width)), made.reshape((height, 3 * width))
        finish(planes, planar, mixed, own, addresses, coefficients, steps)
        ended(floats, outs, made)

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
