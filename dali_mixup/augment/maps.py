"""Masks after the geometry of their images: windows, flips and affine maps, by nearest neighbour. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dali_mixup.augment.draws import TransformDraws
from dali_mixup.augment.operations import Kernel
from dali_mixup.augment.windows import Windows


def cut_out(
    masks: Sequence[np.ndarray | None], windows: Windows, size: tuple[int, int], outside: int
) -> np.ndarray:
    """(N, h, w) uint8 maps.

    Args:
        masks: (H, W) uint8 each; None: an image without one.
        size: (h, w).
        outside: the value of pixels that are outside their mask, or have none.
    """
    maps = np.full((len(masks), *size), outside, np.uint8)
    for made, mask, rows, columns in zip(maps, masks, windows.rows, windows.columns, strict=True):
        if mask is None:
            continue
        lines = np.take(mask, rows, axis=0, mode="clip")
        np.take(lines, columns, axis=1, mode="clip", out=made)
        made[rows < 0] = outside
        made[:, columns < 0] = outside
    return maps


def moved(
    maps: np.ndarray, draws: TransformDraws, outside: int, *, seed: int, rank: int, epoch: int, step: int
) -> np.ndarray:
    """The maps after the affine operations that their images get, changed in place.

    Args:
        maps: (N, h, w) uint8.
        outside: the value of pixels that come from outside.
    """
    if not draws.moves:
        return maps
    arrays = dict(zip(draws.names, draws.arrays(len(maps), seed, rank, epoch, step), strict=True))
    for number, kernels in enumerate(draws.layers):
        if Kernel.AFFINE in kernels:
            for row in np.flatnonzero(arrays[f"{number}.kernel"] == int(Kernel.AFFINE)):
                maps[row] = _affine(maps[row], arrays[f"{number}.affine"][row], outside)
    return maps


def _affine(ids: np.ndarray, matrix: np.ndarray, outside: int) -> np.ndarray:
    """(h, w) ids, whose pixel at (x, y) comes from matrix (x, y, 1)."""
    height, width = ids.shape
    y, x = np.mgrid[0:height, 0:width] + 0.5
    (a, b, c), (d, e, f) = matrix.astype(np.float64)
    across, down = np.floor(a * x + b * y + c), np.floor(d * x + e * y + f)
    inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
    places = np.where(inside, down * width + across, 0).astype(np.int64)
    return np.where(inside, ids.ravel()[places], np.uint8(outside))
