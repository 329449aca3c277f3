"""One row of a mixed and normalised image, 16 pixels at a time: loops that Numba compiles into `finishing`.

Written down as vectors: LLVM makes slower loops of bytes in three colours, finds out again for every line whether
arrays overlap, and does what does not fill a vector number by number. Here the last vector begins earlier, so a row has
at least 16 pixels; narrow images are made that wide.

A row is (3, width) or (width, 3) float32, as `planes` says; lines of images are (width, 3) uint8. Both are given by the
address of their first number. `scale` and `shift` have a number for each colour.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.lanes import (
    all_are,
    extremes,
    load,
    load_chosen,
    load_pixels,
    splat,
    store,
    store_pixels,
)
from dali_mixup._cpu.memory import ask_for
from dali_mixup._cpu.vectors import LANES

inlined = numba.njit(error_model="numpy", inline="always")  # so that `planes` is a constant in the loops


AHEAD = 6
"""Lines that are asked for ahead of those that are read: from memory they take longer to come than to mix."""


@inlined
def put(planes: bool, row: int, width: int, x: int, red: Any, green: Any, blue: Any) -> None:
    """Write 16 pixels from x on."""
    if planes:
        store(row + 4 * x, red)
        store(row + 4 * (width + x), green)
        store(row + 4 * (2 * width + x), blue)
    else:
        store_pixels(row + 12 * x, red, green, blue)


@inlined
def splats(numbers: Any) -> tuple[Any, Any, Any]:
    """A vector of each of three numbers."""
    return splat(numbers[0]), splat(numbers[1]), splat(numbers[2])


@inlined
def scaled_line(
    planes: bool, row: int, width: int, first: int, end: int, line: int, scale: Any, shift: Any
) -> None:
    """Pixels `first` to `end`, exclusive, at least 16, of the row: scale * line + shift. No others of the line are
    read."""
    s, t = splats(scale), splats(shift)
    for begun in range(first, end, LANES):
        x = min(begun, end - LANES)
        red, green, blue = load_pixels(line + 3 * x)
        put(planes, row, width, x, red * s[0] + t[0], green * s[1] + t[1], blue * s[2] + t[2])


@inlined
def blended_line(
    planes: bool, row: int, width: int, images: Any, start: int, count: int, coefficients: Any
) -> None:
    """The row: the sum of `count` lines, each times its coefficients, and of the last coefficients.

    Args:
        images: the addresses of images, whose lines begin `start` bytes after.
        coefficients: (at least count + 1, 3). An image but for the first is not read if its first one is 0.
    """
    s, t = splats(coefficients[0]), splats(coefficients[len(coefficients) - 1])
    for j in range(count):
        if j == 0 or coefficients[j, 0] != 0.0:
            ask_for(images[j] + start + 3 * width * AHEAD, 3 * width)
    for begun in range(0, width, LANES):
        x = min(begun, width - LANES)
        red, green, blue = load_pixels(images[0] + start + 3 * x)
        red, green, blue = red * s[0] + t[0], green * s[1] + t[1], blue * s[2] + t[2]
        for j in range(1, count):
            if coefficients[j, 0] != 0.0:
                r, g, b = load_pixels(images[j] + start + 3 * x)
                red = red + r * splat(coefficients[j, 0])
                green = green + g * splat(coefficients[j, 1])
                blue = blue + b * splat(coefficients[j, 2])
        put(planes, row, width, x, red, green, blue)


@inlined
def ask_for_used(own: int, other: int, own_used: bool, other_used: bool) -> None:
    """Ask for 16 pixels of lines ahead, of each image if this line uses it there: masks change little between lines."""
    if own_used:
        ask_for(own, 1)
    if other_used:
        ask_for(other, 1)


@inlined
def chosen_line(
    planes: bool, row: int, width: int, own: int, other: int, mask: int, scale: Any, shift: Any
) -> None:
    """The row from `own` where the bytes at `mask` are 255, from `other` where they are 0. Where 16 pixels all are from
    one line, the other is not read."""
    s, t = splats(scale), splats(shift)
    ahead = 3 * width * AHEAD
    for begun in range(0, width, LANES):
        x = min(begun, width - LANES)
        most, least = extremes(mask + x)
        mine, partners = own + 3 * x, other + 3 * x
        ask_for_used(mine + ahead, partners + ahead, most, not least)
        if least:
            red, green, blue = load_pixels(mine)
        elif most:
            red, green, blue = load_chosen(mask + x, mine, partners)
        else:
            red, green, blue = load_pixels(partners)
        put(planes, row, width, x, red * s[0] + t[0], green * s[1] + t[1], blue * s[2] + t[2])


@inlined
def weighted_line(
    planes: bool, row: int, width: int, own: int, other: int, mask: int, scale: Any, shift: Any
) -> None:
    """The row: m * own + (1 - m) * other, normalised, with the float32 at `mask` as m. Exact where these are 0 or 1;
    where 16 pixels all come from one line, the other is not read."""
    s, t = splats(scale), splats(shift)
    ahead = 3 * width * AHEAD
    one, less = splat(np.float32(1)), splat(np.float32(-1))
    for begun in range(0, width, LANES):
        x = min(begun, width - LANES)
        mine, partners = own + 3 * x, other + 3 * x
        alone, nothing = all_are(mask + 4 * x, np.float32(1)), all_are(mask + 4 * x, np.float32(0))
        ask_for_used(mine + ahead, partners + ahead, not nothing, not alone)
        if alone:
            red, green, blue = load_pixels(mine)
        elif nothing:
            red, green, blue = load_pixels(partners)
        else:
            m = load(mask + 4 * x)
            rest = one + m * less
            red, green, blue = load_pixels(mine)
            r, g, b = load_pixels(partners)
            red, green, blue = m * red + rest * r, m * green + rest * g, m * blue + rest * b
        put(planes, row, width, x, red * s[0] + t[0], green * s[1] + t[1], blue * s[2] + t[2])
