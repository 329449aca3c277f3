"""Rectangles over an image in compiled loops: every pixel is read once, from the image that shows there.

From one edge of a rectangle to the next the lines of an image are divided alike, into pieces of one image each.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import address_in, address_of, array_at, in_use
from dali_mixup._cpu.lines import AHEAD, inlined, scaled_line
from dali_mixup._cpu.memory import ask_for
from dali_mixup._cpu.resizing import resize
from dali_mixup._cpu.rows import row_of, written
from dali_mixup._cpu.taps import BILINEAR
from dali_mixup._cpu.vectors import LANES

compiled = numba.njit(error_model="numpy")

OWN = -1  # the place of the row's own image among the regions


@compiled
def inserted(edges: Any, count: int, edge: int) -> int:
    """The number of `edges` once `edge` is among them, in order."""
    place = count
    while edges[place - 1] > edge:
        place -= 1
    if edges[place - 1] == edge:
        return count
    for i in range(count, place, -1):
        edges[i] = edges[i - 1]
    edges[place] = edge
    return count + 1


@compiled
def divided(y: int, height: int, width: int, regions: Any, edges: Any, shown: Any) -> tuple[int, int]:
    """The number of pieces of line y, and the next line that is divided in another way.

    Args:
        regions: (r, 7), see `methods.Draws`.
        edges: to be filled with the first pixel of each piece, and the width; of 2 r + 2 numbers.
        shown: to be filled with the region that each piece shows, or `OWN`.
    """
    edges[0], edges[1], count, end = 0, width, 2, height
    for r in range(len(regions)):
        ty, tx, h, w = regions[r, 3], regions[r, 4], regions[r, 5], regions[r, 6]
        if w <= 0 or h <= 0 or y >= ty + h:
            continue
        if y < ty:
            end = min(end, ty)
            continue
        end = min(end, ty + h)
        count = inserted(edges, count, tx)
        count = inserted(edges, count, tx + w)
    pieces = 0
    for i in range(count - 1):
        x, top = edges[i], OWN
        for r in range(len(regions)):
            ty, tx, h, w = regions[r, 3], regions[r, 4], regions[r, 5], regions[r, 6]
            if ty <= y < ty + h and tx <= x < tx + w:
                top = r
        if pieces == 0 or shown[pieces - 1] != top:
            edges[pieces], shown[pieces] = x, top
            pieces += 1
    edges[pieces] = width
    return pieces, end


@compiled
def resized(own: Any, addresses: Any, height: int, width: int, regions: Any) -> np.ndarray:
    """The images (height, width, 3) uint8 of the regions' columns, each resized to its region's size, one after the
    other."""
    total = 0
    for r in range(len(regions)):
        total += 3 * regions[r, 5] * regions[r, 6]
    patches = np.empty(total, np.uint8)
    start = 0
    for r in range(len(regions)):
        column, rows, columns = regions[r, 0], np.int64(regions[r, 5]), np.int64(regions[r, 6])
        if rows > 0 and columns > 0:
            source = address_of(own) if column == 0 else addresses[column - 1]
            image = numba.carray(address_in(source), (height, width, 3), np.uint8)
            end = start + int(3 * rows * columns)
            small = patches[start:end].reshape((rows, columns, 3))
            resize(image, np.int64(0), small, BILINEAR, (rows, columns), (np.int64(0), np.int64(0)))
            start = end
    return patches


@compiled
def placed(own: Any, addresses: Any, width: int, regions: Any, patches: Any, whole: bool) -> np.ndarray:
    """(r, 2) int64: where the first pixel that each region copies is, in bytes from the beginning of `patches`, and the
    bytes from one of its lines to the next.

    Args:
        patches: (bytes,) uint8, the columns' images resized; of no length if the regions copy from the images.
        whole: the regions show whole images, resized.
    """
    places = np.empty((len(regions), 2), np.int64)
    start = 0
    for r in range(len(regions)):
        column, sy, sx, rows, columns = (
            regions[r, 0],
            regions[r, 1],
            regions[r, 2],
            regions[r, 5],
            regions[r, 6],
        )
        if whole:
            places[r, 0], places[r, 1] = start, 3 * columns
            start += 3 * rows * columns
        else:
            source = address_of(own) if column == 0 else addresses[column - 1]
            places[r, 0], places[r, 1] = source + 3 * (sy * width + sx) - address_of(patches), 3 * width
    return places


@inlined
def short_piece(
    planes: bool, row: Any, width: int, first: int, end: int, line: int, scale: Any, shift: Any
) -> None:
    """As `scaled_line`, of fewer than 16 pixels, with `row` as an array."""
    across, colour = (1, width) if planes else (3, 1)
    for x in range(first, end):
        pixel = array_at(line + 3 * x, 3)
        for c in range(3):
            row[across * x + colour * c] = scale[c] * pixel[c] + shift[c]


@inlined
def pasted(
    planes: bool,
    floats: int,
    target: int,
    height: int,
    width: int,
    own: Any,
    regions: Any,
    patches: Any,
    places: Any,
    scale: Any,
    shift: Any,
) -> None:
    """Write `own` and the regions over it; arguments as in `finishing.finish_entry` and `placed`."""
    wide = max(width, LANES)
    row, halves = row_of(width)
    row_at, halves_at = address_of(row), address_of(halves)
    edges, shown = np.empty(2 * len(regions) + 2, np.int64), np.empty(2 * len(regions) + 2, np.int64)
    own_at, patches_at = address_of(own), address_of(patches)
    pieces, end = 0, 0
    for y in range(height):
        if y == end:
            pieces, end = divided(y, height, width, regions, edges, shown)
        for i in range(pieces):
            r = shown[i]
            stride = 3 * width
            at = own_at + stride * y
            if r != OWN:
                stride = places[r, 1]
                at = patches_at + places[r, 0] + stride * (y - regions[r, 3]) - 3 * regions[r, 4]
            ask_for(at + AHEAD * stride + 3 * edges[i], 3 * (edges[i + 1] - edges[i]))
            if edges[i + 1] - edges[i] < LANES:
                short_piece(planes, row, wide, edges[i], edges[i + 1], at, scale, shift)
            else:
                scaled_line(planes, row_at, wide, edges[i], edges[i + 1], at, scale, shift)
        written(planes, floats, row_at, halves_at, target, y, height, width)
    in_use(row, halves, patches)
