"""The crop of a training transform as operators: where windows lie and what is flipped is drawn for a whole batch, then
the pixels are cut, resized and flipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.decode import INTERPOLATIONS, Stored
from dali_mixup.augment.crop import padded_window, random_place
from dali_mixup.augment.crop_options import keeps_ratio
from dali_mixup.augment.extra_graph import with_extras
from dali_mixup.augment.kept_ratio_graph import random_kept_ratio
from dali_mixup.augment.reflection import reflected_window
from dali_mixup.augment.resize import Flips, kernels_resize, resized_and_flipped, shorter_side
from dali_mixup.augment.resized_crop_graph import random_window

if TYPE_CHECKING:
    from dali_mixup.augment.train import TrainTransform

INT32 = types.DALIDataType.INT32
INT64 = types.DALIDataType.INT64


def drawn_windows(
    transform: TrainTransform, stored: Stored, seeds: Iterator[int], nodes: Mapping[str, DataNode]
) -> dict[str, DataNode]:
    """The nodes of windows and flips; arguments as of `TrainTransform.windows`."""
    if "window_start" in nodes:
        given = {name: nodes[name] for name in transform.window_names}
        if transform.crop == "resized":  # the images' headers are parsed before their windows are decoded
            given["window_start"] = fn.cast(
                given["window_start"] + math.clamp(stored.shape, 0, 0), dtype=INT32
            )
        return given
    drawn: dict[str, DataNode] = {}
    window_seed = next(seeds)
    for name, prob in (("window_flipped", transform.hflip), ("window_upside_down", transform.vflip)):
        if prob:
            drawn[name] = fn.random.coin_flip(probability=prob, seed=next(seeds), dtype=INT32)
    if transform.crop == "padded":
        drawn["window_start"] = random_place(stored.shape, transform.size, transform.padding, window_seed)
        return drawn
    if keeps_ratio(transform.crop):
        centre = transform.crop == "rkrc"
        window = random_kept_ratio(stored.shape, transform.size, *transform.ranges, centre, window_seed)
    else:
        window = random_window(stored, *transform.ranges, window_seed)
    drawn["window_start"], drawn["window_shape"] = window
    return drawn


def cropped(transform: TrainTransform, stored: Stored, nodes: Mapping[str, DataNode]) -> DataNode:
    """(height, width, C) HWC images, as decoded; arguments as of `TrainTransform.graph`. Makes no constants that would
    have the rows of the whole batch where `nodes` has "size"."""
    flips, start = Flips(nodes.get("window_flipped"), nodes.get("window_upside_down")), nodes["window_start"]
    if transform.crop == "resized":
        images = with_extras(stored.window(start, nodes["window_shape"]), transform.extra, "after_decode")
        size = nodes.get("size", transform.size)
        return resized_and_flipped(
            images, stored.backend, size, transform.interpolation, transform.antialias, flips
        )
    images, start = with_extras(stored.whole(), transform.extra, "after_decode"), fn.cast(start, dtype=INT64)
    if keeps_ratio(transform.crop):
        whole = fn.cast(nodes["window_shape"], dtype=INT64)
    else:
        whole = shorter_side(stored.shape, max(transform.size))
    if transform.reflects and kernels_resize(stored.backend, transform.interpolation, transform.antialias):
        from dali_mixup._cpu.operators import resized_window

        size = nodes.get("size", transform.size)
        return resized_window(images, size, transform.interpolation, whole, start, flips.bits)
    cut = reflected_window if transform.reflects else padded_window
    return flips.of(cut(images, stored.shape, start, whole, _extent(transform, nodes), _resize(transform)))


def _extent(transform: TrainTransform, nodes: Mapping[str, DataNode]) -> DataNode:
    if "size" in nodes:
        return fn.cast(nodes["size"], dtype=INT64)
    return types.Constant(np.array(transform.size, np.int64), device="cpu")


def _resize(transform: TrainTransform) -> dict[str, Any]:
    """The arguments of `fn.resize` but the size."""
    return {"interp_type": INTERPOLATIONS[transform.interpolation], "antialias": transform.antialias}
