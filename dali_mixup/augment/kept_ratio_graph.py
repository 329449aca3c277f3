"""timm's crops of an image that keeps its ratio as operators; `kept_ratio` has the law."""

from __future__ import annotations

import math as python_math
from typing import Any

import numpy as np
from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.conditional import collect, deal
from dali_mixup.augment.kept_ratio import CHANCE, CHANCES
from dali_mixup.augment.resize import resized_for_window

INT32 = types.DALIDataType.INT32
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


def kept_ratio_window(
    images: DataNode,
    before: DataNode,
    start: DataNode,
    whole: DataNode,
    extent: DataNode,
    resize: dict[str, Any],
) -> DataNode:
    """(h, w, 3) uint8 HWC: the window of an image that is resized to `whole`; what it covers outside is reflected.

    Args:
        images: (H, W, 3) uint8 HWC.
        before: (2,) int64, height and width of the images.
        start, whole: (2,) int64, as of `random_kept_ratio`.
        extent: (2,) int64 on the CPU, (h, w) for every row.
    """
    images, whole, start = resized_for_window(images, before, whole, start, extent, resize)
    nodes = {
        "images": images,
        "first": math.max(start, 0),
        "end": math.min(start + extent, whole),
        "before": math.max(-start, 0),
        "after": math.max(start + extent - whole, 0),
    }
    leaves = fn.reductions.max(nodes["before"] + nodes["after"]) > 0
    leaving, inside = deal(nodes, leaves, here=nodes, there=("images", "first", "end"))
    pixels = leaving.pop("images")
    for axis in (0, 1):
        pixels = _reflected(pixels, axis, **leaving)
    shape = fn.cast(inside["end"] - inside["first"], dtype=INT32)
    cut = fn.slice(
        inside["images"], start=fn.cast(inside["first"], dtype=INT32), shape=shape, axis_names="HW"
    )
    return collect(pixels, cut, leaves)


def _reflected(
    images: DataNode, axis: int, first: DataNode, end: DataNode, before: DataNode, after: DataNode
) -> DataNode:
    """The lines from `first` to `end` along one axis, `before` and `after` more of them at the ends, reflected at the
    outermost line. No part is empty: the outermost lines come with what is reflected."""
    one, two = (fn.slice(node, start=[axis], shape=[1], axes=[0]) for node in (first, end))
    more, rest = (fn.slice(node, start=[axis], shape=[1], axes=[0]) for node in (before, after))

    def lines(start: DataNode, count: DataNode) -> DataNode:
        places = {"start": fn.cast(start, dtype=INT32), "shape": fn.cast(count, dtype=INT32)}
        return fn.slice(images, **places, axes=[axis])

    def turned(part: DataNode) -> DataNode:
        return fn.flip(part, horizontal=axis, vertical=1 - axis)

    parts = (
        turned(lines(one, more + 1)),
        lines(one + 1, two - one - 2),
        turned(lines(two - 1 - rest, rest + 1)),
    )
    return fn.cat(*parts, axis=axis)


def _rounded(numbers: DataNode) -> DataNode:
    """int64 from float64; a half to the even neighbour, as Python rounds."""
    up = math.floor(numbers + 0.5)
    tie = fn.cast(up - numbers == 0.5, dtype=DOUBLE)
    odd = up - math.floor(up * 0.5) * 2.0
    return fn.cast(up - tie * odd, dtype=INT64)
