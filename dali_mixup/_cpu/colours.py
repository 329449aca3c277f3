"""Operations that change colours, one after the other, in compiled loops: the same arithmetic as DALI's operators, to
which `augment.operators` gives them one by one."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import RUN, entry_point, pointer_to, shape_of

compiled = numba.njit(error_model="numpy")

# Kernels, in the numbers of the arrays that come in. `augment` stands behind this room, so it gives them.
NONE, COLOUR, CONTRAST, SOLARIZE, BRIGHTNESS = range(5)
LUMA = (np.float32(0.299), np.float32(0.587), np.float32(0.114))
TRUNCATE = np.float32(0.499)
HALF = np.float32(0.5)


@compiled
def scaled(pixels: Any, factor: Any, summand: Any) -> None:
    """factor * x + summand of every value, rounded to the nearest and cut off, in place."""
    summand += HALF
    for i in range(len(pixels)):
        value = np.float32(pixels[i]) * factor + summand
        pixels[i] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))


@compiled
def mean_luma(image: Any) -> Any:
    """The mean of the image's luma. Sums of lines first: LLVM finds vector instructions for them."""
    lines = np.zeros(image.shape[1], np.int32)
    sums = np.zeros(3, np.float64)
    for y in range(image.shape[0]):
        row = image[y]
        for x in range(len(lines)):
            lines[x] += row[x]
    for x in range(0, len(lines), 3):
        for c in range(3):
            sums[c] += lines[x + c]
    count = image.shape[0] * image.shape[1] // 3
    r, g, b = np.float32(sums[0] / count), np.float32(sums[1] / count), np.float32(sums[2] / count)
    return LUMA[0] * r + LUMA[1] * g + LUMA[2] * b


@compiled
def rounded(value: Any) -> Any:
    return np.uint8(min(max(value + HALF, np.float32(0)), np.float32(255)))


@compiled
def turned(pixels: Any, m: Any) -> None:
    """M (r, g, b) + T of every pixel, rounded and cut off, in place; m is (3, 4), the last column T."""
    a, b, c, t = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
    d, e, f, u = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
    g, h, i, v = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
    for p in range(0, len(pixels), 3):
        x, y, z = np.float32(pixels[p]), np.float32(pixels[p + 1]), np.float32(pixels[p + 2])
        pixels[p] = rounded(a * x + b * y + c * z + t)
        pixels[p + 1] = rounded(d * x + e * y + f * z + u)
        pixels[p + 2] = rounded(g * x + h * y + i * z + v)


@compiled
def inverted(pixels: Any, first: Any) -> None:
    """255 - x where x >= first, in place."""
    for i in range(len(pixels)):
        x = pixels[i]
        pixels[i] = 255 - x if x >= first else x


@compiled
def recoloured(image: Any, kernels: Any, amounts: Any, colours: Any) -> None:
    """The operations on an image (H, 3 W) uint8, in place.

    Args:
        kernels: (L,) int32, of this module.
        amounts: (L,) float32: factor of BRIGHTNESS and CONTRAST, first inverted value of SOLARIZE.
        colours: (L, 3, 4) float32 of COLOUR.
    """
    pixels = image.reshape(-1)
    for i in range(len(kernels)):
        if kernels[i] == COLOUR:
            turned(pixels, colours[i])
        elif kernels[i] == CONTRAST:
            scaled(pixels, amounts[i], mean_luma(image) * (np.float32(1) - amounts[i]) - TRUNCATE)
        elif kernels[i] == BRIGHTNESS:
            scaled(pixels, amounts[i], -TRUNCATE)
        elif kernels[i] == SOLARIZE:
            inverted(pixels, amounts[i])


def recolour_entry() -> Any:
    """(image (H, W, 3) uint8, kernels (L,) int32, amounts (L,) float32, colours (L, 3, 4) float32) -> (H, W, 3)."""

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
        size, layers = shape_of(in_shapes, 0, 3), shape_of(in_shapes, 1, 1)[0]
        flat = (size[0], 3 * size[1])
        image = numba.carray(pointer_to(ins, 0), flat, np.uint8)
        kernels = numba.carray(pointer_to(ins, 1), (layers,), np.int32)
        amounts = numba.carray(pointer_to(ins, 2), (layers,), np.float32)
        colours = numba.carray(pointer_to(ins, 3), (layers, 3, 4), np.float32)
        out = numba.carray(pointer_to(outs, 0), flat, np.uint8)
        out[:] = image
        recoloured(out, kernels, amounts, colours)

    return entry_point(RUN, run)
