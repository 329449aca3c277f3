"""The random window of an image: torchvision's RandomResizedCrop. `augment.resized_crop` has the same in NumPy."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from dali_mixup._cpu.abi import RUN, SETUP, entry_point, pointer_to, shape_of

compiled = numba.njit(error_model="numpy")


@compiled
def random_window(
    chances: np.ndarray, stored: np.ndarray, bounds: np.ndarray, start: np.ndarray, size: np.ndarray
) -> None:
    """Fills `start` (y, x) and `size` (height, width), (2,) int32.

    Args:
        chances: (2 attempts + 2,) float64 in [0, 1): the area of each attempt, the ratio of each; y and x.
        stored: (2,) int64, height and width of the image.
        bounds: (6,) float64, see `augment.resized_crop.bounds`.
    """
    height, width = stored[0], stored[1]
    attempts = (len(chances) - 2) // 2
    for i in range(attempts):
        area = (bounds[0] + bounds[1] * chances[i]) * (height * width)
        aspect = np.float64(np.float32(np.exp(bounds[2] + bounds[3] * chances[attempts + i])))
        high, wide = np.rint(np.sqrt(area / aspect)), np.rint(np.sqrt(area * aspect))
        if 1 <= high <= height and 1 <= wide <= width:
            size[0], size[1] = np.int32(high), np.int32(wide)
            for axis in range(2):
                places = stored[axis] - size[axis] + 1
                start[axis] = np.int32(np.floor(chances[2 * attempts + axis] * places))
            return
    size[0] = np.int32(min(max(np.rint(width / bounds[4]), 1), height))
    size[1] = np.int32(min(max(np.rint(height * bounds[5]), 1), width))
    for axis in range(2):
        start[axis] = np.int32((stored[axis] - size[axis]) // 2)


def window_entry() -> Any:
    """(chances (2 n + 2,) float64, stored (2 or more,) int64, bounds (6,) float64 as (12,) int32) -> start, size: (2,)
    int32; see `random_window`."""

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
        chances = numba.carray(pointer_to(ins, 0), (shape_of(in_shapes, 0, 1)[0],), np.float64)
        stored = numba.carray(pointer_to(ins, 1), (2,), np.int64)
        bounds = numba.carray(pointer_to(ins, 2), (6,), np.float64)
        start = numba.carray(pointer_to(outs, 0), (2,), np.int32)
        size = numba.carray(pointer_to(outs, 1), (2,), np.int32)
        random_window(chances, stored, bounds, start, size)

    return entry_point(RUN, run)


def setup_pairs() -> Any:
    """Two outputs of (2,)."""

    def shapes(
        out_shapes: int,
        out_dims: int,
        out_count: int,
        in_shapes: int,
        in_dims: int,
        in_count: int,
        samples: int,
    ) -> None:
        for i in range(out_count * samples):
            shape_of(out_shapes, i, 1)[0] = 2

    return entry_point(SETUP, shapes)
