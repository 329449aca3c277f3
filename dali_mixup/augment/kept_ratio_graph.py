"""The windows of timm's crops of an image that keeps its ratio, as operators; `kept_ratio` has the law."""

from __future__ import annotations

import math as python_math

import numpy as np
from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup.augment.kept_ratio import CHANCE, CHANCES

INT64 = types.DALIDataType.INT64
DOUBLE = types.DALIDataType.FLOAT64


def random_kept_ratio(
    shape: DataNode,
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    centre: bool,
    seed: int,
) -> tuple[DataNode, DataNode]:
    """(start, whole): y and x of a window in the resized image, and the height and width of that; (2,) int64.

    Args:
        shape: (2,) height and width of the stored image.
        size: (h, w) of the window.
        scale, ratio: as of `kept_ratio.kept_ratio`.
        centre: the window is the centre; else at a random place.
    """
    chances = fn.random.uniform(range=[0.0, 1.0], shape=[CHANCES], dtype=DOUBLE, seed=seed)
    return window_of(chances, shape, size, scale, ratio, centre)


def window_of(
    chances: DataNode,
    shape: DataNode,
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    centre: bool,
) -> tuple[DataNode, DataNode]:
    """As `random_kept_ratio`, of the (CHANCES,) float64 numbers that decide."""
    extent = types.Constant(np.array(size, np.int64), device="cpu")
    scaled, changed = (fn.cast(chances[i] < CHANCE, dtype=DOUBLE) for i in (0, 1))
    low, high = (python_math.log(bound) for bound in ratio)
    larger = (1.0 / math.sqrt(chances[2] * (scale[1] - scale[0]) + scale[0]) - 1.0) * scaled + 1.0
    wider = math.exp((chances[3] * (high - low) + low) * 0.5 * changed)
    stored = fn.cast(shape, dtype=DOUBLE)
    ratios = stored / fn.cast(extent, dtype=DOUBLE)
    covering = math.min(ratios[0], ratios[1])  # `reductions` take no float64
    whole = math.max(_rounded(stored * fn.stack(larger / wider, larger * wider) / covering), 1)
    room = whole - extent
    lies_inside = fn.cast(room >= 0, dtype=INT64)
    if centre:
        half = math.abs(room) // 2
        # Half the room, a half to the even neighbour; half of what is missing, rounded down.
        start = lies_inside * (half + (room & half & 1)) - (1 - lies_inside) * half
    else:
        away = fn.cast(math.floor(chances[4:] * fn.cast(math.abs(room) + 1, dtype=DOUBLE)), dtype=INT64)
        start = away * (lies_inside * 2 - 1)
    return start, whole


def _rounded(numbers: DataNode) -> DataNode:
    """int64 from float64; a half to the even neighbour, as Python rounds."""
    up = math.floor(numbers + 0.5)
    tie = fn.cast(up - numbers == 0.5, dtype=DOUBLE)
    odd = up - math.floor(up * 0.5) * 2.0
    return fn.cast(up - tie * odd, dtype=INT64)
