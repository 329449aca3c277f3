"""One row of a mixed and normalised image: loops that Numba compiles into `finishing`.

Images are lines of 3 W interleaved bytes. Loops run over x alone, and every index is 3 x plus a constant, because that
is what LLVM turns into vector instructions: with (H, W, 3) arrays, or slices of lines, they take twice as long.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

inlined = numba.njit(error_model="numpy", inline="always")  # so that `planes` is a constant in the loops


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
