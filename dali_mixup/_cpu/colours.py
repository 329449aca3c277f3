"""Operations that change colours in compiled loops: the same arithmetic as DALI's operators, to which
`augment.operators` gives them one by one, but for `equalised`, for which DALI has OpenCV's."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

compiled = numba.njit(error_model="numpy")

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
def masked(pixels: Any, mask: Any) -> None:
    """The bits of every value that are in the mask, in place."""
    for i in range(len(pixels)):
        pixels[i] &= mask


@compiled
def lightened(pixels: Any, amount: Any) -> None:
    """x + amount where x < 128, cut off, in place; amount is int32."""
    for i in range(len(pixels)):
        x = pixels[i]
        pixels[i] = np.uint8(min(max(np.int32(x) + amount, np.int32(0)), np.int32(255))) if x < 128 else x


@compiled
def stretched(image: Any) -> None:
    """Each channel stretched to 0..255, in place; one of a single value stays as it is. Lines as in `mean_luma`."""
    values = image.shape[1]
    least, most = np.full(values, 255, np.uint8), np.zeros(values, np.uint8)
    for y in range(image.shape[0]):
        row = image[y]
        for x in range(values):
            least[x] = min(least[x], row[x])
            most[x] = max(most[x], row[x])
    lows, factors = np.empty(values, np.float32), np.empty(values, np.float32)
    for c in range(3):
        low, high = least[c::3].min(), most[c::3].max()
        flat = low == high
        lows[c::3] = np.float32(0) if flat else np.float32(low)
        factors[c::3] = np.float32(1) if flat else np.float32(255) / np.float32(high - low)
    for y in range(image.shape[0]):
        row = image[y]
        for x in range(values):
            row[x] = rounded((np.float32(row[x]) - lows[x]) * factors[x] - TRUNCATE)


@compiled
def equalised(image: Any) -> None:
    """Each channel's histogram made even, in place, by the table of Pillow's ImageOps.equalize."""
    pixels = image.reshape(-1)
    filled, table = np.zeros((3, 256), np.int32), np.empty((3, 256), np.uint8)
    for p in range(0, len(pixels), 3):
        filled[0, pixels[p]] += 1
        filled[1, pixels[p + 1]] += 1
        filled[2, pixels[p + 2]] += 1
    for c in range(3):
        highest = 255
        while filled[c, highest] == 0:
            highest -= 1
        step = (len(pixels) // 3 - filled[c, highest]) // 255
        total = step // 2
        for value in range(256):
            table[c, value] = min(total // step, 255) if step else value
            total += filled[c, value]
    for p in range(0, len(pixels), 3):
        pixels[p] = table[0, pixels[p]]
        pixels[p + 1] = table[1, pixels[p + 1]]
        pixels[p + 2] = table[2, pixels[p + 2]]


@compiled
def sharpened(image: Any, factor: Any, out: Any) -> None:
    """factor * x + (1 - factor) * (the mean of x, five times, and its eight neighbours); the border is repeated.

    Args:
        image, out: (H, 3 W) uint8.
    """
    height, values = image.shape
    around = (np.float32(1) - factor) / np.float32(13)
    centre = factor + around * np.float32(4)  # once more among the nine
    sums = np.empty(values + 6, np.float32)
    for y in range(height):
        above, row, below = image[max(y - 1, 0)], image[y], image[min(y + 1, height - 1)]
        for i in range(values):
            sums[i + 3] = np.float32(above[i]) + np.float32(row[i]) + np.float32(below[i])
        for c in range(3):
            sums[c], sums[values + 3 + c] = sums[3 + c], sums[values + c]
        line = out[y]
        for i in range(values):
            nine = sums[i] + sums[i + 3] + sums[i + 6]
            line[i] = rounded(around * nine + centre * np.float32(row[i]))
