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
    address_at,
    address_in,
    address_of,
    array_at,
    copy_numbers,
    entry_point,
    in_use,
    pointer_to,
    shape_of,
    uncounted,
)
from dali_mixup._cpu.contours import contoured
from dali_mixup._cpu.kinds import MaskKind
from dali_mixup._cpu.lines import blended_line, chosen_line, inlined, scaled_line, weighted_line
from dali_mixup._cpu.memory import sent
from dali_mixup._cpu.pasting import pasted, placed, resized
from dali_mixup._cpu.rows import row_of, written
from dali_mixup._cpu.vectors import LANES
from dali_mixup.methods import Form
from dali_mixup.methods.masks import STEP

BLEND, PASTE, RESIZE = int(Form.BLEND), int(Form.PASTE), int(Form.RESIZE)
MASK, SEPARABLE = int(Form.MASK), int(Form.SEPARABLE)
BITS, GRID = int(MaskKind.BITS), int(MaskKind.GRID)

compiled = numba.njit(error_model="numpy")

SPREAD = np.ascontiguousarray(
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) * np.uint8(255)
).view(np.uint64)[:, 0]
"""(256,): the eight bits of a byte as eight bytes, 255 where a bit is 1, the highest bit first in memory."""


@compiled
def images_of(own: Any, addresses: Any, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The addresses of the images, (k,) int64, whose lines have at least 16 pixels: narrow ones are copied, and the
    second array is the memory of these copies."""
    images = np.empty(len(addresses), np.int64)
    wide = max(width, LANES)
    copies = np.zeros((len(images), height, 3 * wide) if wide > width else (0, 0, 0), np.uint8)
    for i in range(len(images)):
        images[i] = address_of(own) if i == 0 else addresses[i - 1]
        if wide > width:
            for y in range(height):
                copy_numbers(array_at(images[i] + 3 * width * y, 3 * width), copies[i, y])
            images[i] = address_of(copies) + 3 * wide * height * i
    return images, copies


@inlined
def masked(
    planes: bool,
    floats: int,
    target: int,
    height: int,
    width: int,
    images: Any,
    mask: int,
    form: int,
    kind: int,
    scale: Any,
    shift: Any,
) -> None:
    """Writes two images by a mask of bits, of levels, or of two factors of each number; arguments as of `finish_entry`.

    Args:
        images: as of `images_of`.
        mask: its address.
    """
    wide = max(width, LANES)
    row, halves = row_of(width)
    row_at, halves_at = address_of(row), address_of(halves)
    if form == MASK and kind == BITS:
        stride = (width + 7) // 8
        line_of = numba.carray(address_in(mask), height, np.int32)
        lines = mask + 4 * height
        eights = np.zeros(max(stride, wide // 8), np.uint64)
        eights_at = address_of(eights)
        before = -1
        for y in range(height):
            line = line_of[y]
            if line != before:
                packed = numba.carray(address_in(lines + stride * line), stride, np.uint8)
                for j in range(stride):
                    eights[j] = SPREAD[packed[j]]
                before = line
            own, other = images[0] + 3 * wide * y, images[1] + 3 * wide * y
            chosen_line(planes, row_at, wide, own, other, eights_at, scale, shift)
            written(planes, floats, row_at, halves_at, target, y, height, width)
        in_use(eights)
    else:
        values = numba.carray(address_in(mask), (2 * (height + width),), np.float32)
        levels = numba.carray(address_in(mask), (height, width), np.uint8)
        made = np.zeros(wide, np.float32)
        made_at = address_of(made)
        for y in range(height):
            if form == SEPARABLE:
                u, d = values[y], values[height + y]
                for x in range(width):
                    made[x] = d * values[2 * height + width + x] + u + values[2 * height + x]
            else:
                for x in range(width):
                    made[x] = STEP * levels[y, x]
            own, other = images[0] + 3 * wide * y, images[1] + 3 * wide * y
            weighted_line(planes, row_at, wide, own, other, made_at, scale, shift)
            written(planes, floats, row_at, halves_at, target, y, height, width)
        in_use(made)
    in_use(row, halves)


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
        target = address_at(outs, 0)
        nobody = np.zeros(1, np.int64)
        found, copies = images_of(own, nobody, height, width)
        wide = max(width, LANES)
        row, halves = row_of(width)
        row_at, halves_at = address_of(row), address_of(halves)
        for y in range(height):
            line = found[0] + 3 * wide * y
            scaled_line(planes, row_at, wide, 0, wide, line, coefficients[0], coefficients[1])
            written(planes, floats, row_at, halves_at, target, y, height, width)
        sent()
        in_use(row, halves, copies)

    return entry_point(RUN, run)


def finish_entry(planes: bool, floats: int) -> Any:
    """(coefficients, own image, addresses, steps, and the masks that they are of) -> the image mixed and normalised,
    (3, H, W) if `planes`, else (H, W, 3), of `floats`.

    coefficients: (k + 1, 3) float32, the factor of each image and the summand.
    own: (H, W, 3) uint8.
    addresses: (k,) int64, of the k - 1 partners' images, and of the mask.
    steps: (1 + r, 7) int32: the row's form, its mask's `MaskKind` and, for a grid, the number of highest pixels and the
        stride; then its regions, see `methods.Draws`. Those of RESIZE are where a column's whole image, made so small,
        is pasted.

    One function: Numba takes seconds to inline a large one into another.
    """

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
        target = address_at(outs, 0)
        form, kind = steps[0, 0], steps[0, 1]
        shift = coefficients[len(coefficients) - 1]
        scale = coefficients[0]
        if form in (PASTE, RESIZE):
            regions = steps[1:]
            patches = (
                resized(own, addresses, height, width, regions) if form == RESIZE else np.empty(0, np.uint8)
            )
            places = placed(own, addresses, width, regions, patches, form == RESIZE)
            pasted(planes, floats, target, height, width, own, regions, patches, places, scale, shift)
        else:
            found, copies = images_of(own, addresses, height, width)
            images = uncounted(found)
            mask = addresses[len(addresses) - 1]
            if form == MASK and kind == GRID:
                stride = steps[0, 3]
                points = ((height - 1) // stride + 2, (width - 1) // stride + 2)
                grid = numba.carray(address_in(mask), points, np.int16)
                contoured(planes, floats, target, height, width, images, grid, steps, scale, shift)
            elif form in (MASK, SEPARABLE):
                masked(planes, floats, target, height, width, images, mask, form, kind, scale, shift)
            else:
                count = len(images) if form == BLEND else 1
                wide = max(width, LANES)
                row, halves = row_of(width)
                row_at, halves_at = address_of(row), address_of(halves)
                for y in range(height):
                    blended_line(planes, row_at, wide, images, 3 * wide * y, count, coefficients)
                    written(planes, floats, row_at, halves_at, target, y, height, width)
                in_use(row, halves)
            in_use(found, copies)
        sent()

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
