"""Single-image operations one after the other, in one compiled pass over an image that stays in the cache."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import RUN, copy_numbers, entry_point, pointer_to, shape_of
from dali_mixup._cpu.blurring import blurred
from dali_mixup._cpu.colours import (
    TRUNCATE,
    equalised,
    inverted,
    lightened,
    masked,
    mean_luma,
    scaled,
    sharpened,
    stretched,
    turned,
)
from dali_mixup._cpu.warping import linear, nearest

compiled = numba.njit(error_model="numpy")

# The numbers of `augment.operations.Kernel`; this room comes before that one, and cannot import it.
NONE, AFFINE, COLOUR, CONTRAST, SHARPNESS, POSTERIZE, SOLARIZE = range(7)
SOLARIZE_ADD, AUTOCONTRAST, EQUALIZE, BLUR, BRIGHTNESS = range(7, 12)


def canvas_code(fill: tuple[int, ...], by_nearest: bool) -> int:
    """The number that `operated` takes for a colour 0..255 and an interpolation: below 0 for the nearest pixel. DALI
    takes it as float32, which holds every whole number from -2^24 to 2^24."""
    r, g, b = fill or (0, 0, 0)
    colour: int = r | g << 8 | b << 16
    return ~colour if by_nearest else colour


@compiled
def operated(image: Any, kernels: Any, canvas: int, amounts: Any, affines: Any, colours: Any) -> None:
    """The operations on an image (H, 3 W) uint8, in place.

    Args:
        kernels: (L,) int32, of this module.
        canvas: see `canvas_code`; of AFFINE.
        amounts: (L,) float32: factor of BRIGHTNESS, CONTRAST and SHARPNESS, mask of POSTERIZE, first inverted value of
            SOLARIZE, summand of SOLARIZE_ADD, sigma of BLUR.
        affines: (L, 2, 3) float32 of AFFINE, see `warping.linear`.
        colours: (L, 3, 4) float32 of COLOUR.
    """
    pixels = image.reshape(-1)
    for i in range(len(kernels)):
        kernel, amount = kernels[i], amounts[i]
        if kernel == AFFINE:
            colour = ~canvas if canvas < 0 else canvas
            fill = np.empty(3, np.float32)
            for c in range(3):
                fill[c] = np.float32(colour >> 8 * c & 255)
            before = image.copy()
            if canvas < 0:
                nearest(before, image, affines[i], fill)
            else:
                linear(before, image, affines[i], fill)
        elif kernel == COLOUR:
            turned(pixels, colours[i])
        elif kernel == CONTRAST:
            scaled(pixels, amount, mean_luma(image) * (np.float32(1) - amount) - TRUNCATE)
        elif kernel == SHARPNESS:
            sharpened(image.copy(), amount, image)
        elif kernel == POSTERIZE:
            masked(pixels, np.uint8(amount))
        elif kernel == SOLARIZE:
            inverted(pixels, amount)
        elif kernel == SOLARIZE_ADD:
            lightened(pixels, np.int32(amount))
        elif kernel == AUTOCONTRAST:
            stretched(image)
        elif kernel == EQUALIZE:
            equalised(image)
        elif kernel == BLUR:
            blurred(image.copy(), amount, image)
        elif kernel == BRIGHTNESS:
            scaled(pixels, amount, -TRUNCATE)


def operate_entry() -> Any:
    """(image (H, W, 3) uint8, kernels (L,) int32, canvas () int32, amounts (L,), affines (L, 2, 3), colours (L, 3, 4),
    all float32) -> (H, W, 3) uint8; see `operated`."""

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
        canvas = numba.carray(pointer_to(ins, 2), (1,), np.int32)[0]
        amounts = numba.carray(pointer_to(ins, 3), (layers,), np.float32)
        affines = numba.carray(pointer_to(ins, 4), (layers, 2, 3), np.float32)
        colours = numba.carray(pointer_to(ins, 5), (layers, 3, 4), np.float32)
        out = numba.carray(pointer_to(outs, 0), flat, np.uint8)
        copy_numbers(image.reshape(-1), out.reshape(-1))
        operated(out, kernels, canvas, amounts, affines, colours)

    return entry_point(RUN, run)
