"""The padded crop of CIFAR recipes: where it lies is drawn for the whole batch, apart from the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup.augment.resize import resized_for_window, shorter_side

INT32 = types.DALIDataType.INT32
INT64 = types.DALIDataType.INT64


def random_place(shape: DataNode, size: tuple[int, int], padding: int, seed: int) -> DataNode:
    """(y, x) int64 of a window of `size` in the image resized to a shorter side of max(size) and padded: torchvision's
    RandomCrop(size, padding), in which every position is equally likely."""
    resized = shorter_side(shape, max(size))
    positions = resized + 2 * padding + 1 - types.Constant(np.array(size, np.int64), device="cpu")
    chance = fn.random.uniform(range=[0.0, 1.0], shape=[2], seed=seed)
    return fn.cast(math.floor(chance * positions), dtype=INT64) - padding


def padded_window(
    images: DataNode,
    before: DataNode,
    start: DataNode,
    whole: DataNode,
    extent: DataNode,
    resize: dict[str, Any],
) -> DataNode:
    """(h, w, C) HWC, as decoded: the window of an image that is resized to `whole`; outside it is black. An image that
    already has this size is not resampled.

    Args:
        images: (H, W, C) HWC, as decoded.
        before: (2,) int64, height and width of the images.
        start, whole: (2,) int64, (y, x) of the window in the resized image, and the (h, w) of that.
        extent: (2,) int64 on the CPU, (h, w) of the window for every row.
    """
    images, _, start = resized_for_window(images, before, whole, start, extent, resize)
    return fn.slice(
        images,
        start=fn.cast(start, dtype=INT32),
        shape=fn.cast(extent, dtype=INT32),
        axis_names="HW",
        out_of_bounds_policy="pad",
        fill_values=0,
    )
