"""A training transform as DALI operators, before and after mixing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.decode import INTERPOLATIONS, Stored, mixable
from dali_mixup.augment.cropping import cropped
from dali_mixup.augment.draws import of_prefix
from dali_mixup.augment.erase import Noise, erase
from dali_mixup.augment.extra_graph import with_extras
from dali_mixup.augment.operators import Canvas
from dali_mixup.augment.parse import BLACK, auto_augmentation
from dali_mixup.augment.stage_graph import after_stages

if TYPE_CHECKING:
    from dali_mixup.augment.train import TrainTransform

UINT8 = types.DALIDataType.UINT8
FLOAT = types.DALIDataType.FLOAT


def before_mix(
    transform: TrainTransform,
    stored: Stored,
    seeds: Iterator[int],
    nodes: Mapping[str, DataNode],
    mean: Sequence[float],
    std: Sequence[float],
) -> DataNode:
    """(height, width, C) HWC images as of `mixable`; arguments as of `TrainTransform.graph`. Makes no constants and
    draws nothing that would have the rows of the whole batch, so it can work on a part of them."""
    kind = stored.backend.kind
    images = mixable(cropped(transform, stored, nodes), kind)
    images = with_extras(images, transform.extra, "after_crop")
    dtype = UINT8 if kind.bits == 8 else FLOAT
    canvas = _canvas(transform, nodes, kind.channels, stored.backend.compiled)
    images = after_stages(images, transform.draws, nodes, canvas)
    for name in transform.draws.rectangles:
        if name == "cutout":
            images = erase(images, of_prefix(name, nodes), _nothing(mean, dtype), canvas.size)
        elif _erases_at(transform, "before_mix"):
            own = of_prefix(name, nodes)
            compiled = nodes["normalising"] if stored.backend.compiled else None
            images = _erased(transform, images, own, seeds, mean, std, dtype, "HWC", compiled)
    return with_extras(images, transform.extra, "before_mix")


def after_mix(
    transform: TrainTransform,
    images: DataNode,
    seeds: Iterator[int],
    nodes: Mapping[str, DataNode],
    layout: str,
    channels: int,
) -> DataNode:
    """Normalised images with what comes after mixing."""
    for name in transform.draws.rectangles:
        if name != "cutout" and _erases_at(transform, "after_mix"):
            zero, one = (0.0,) * channels, (1.0,) * channels
            images = _erased(transform, images, of_prefix(name, nodes), seeds, zero, one, FLOAT, layout)
    return with_extras(images, transform.extra, "after_mix", layout)


def _erases_at(transform: TrainTransform, place: str) -> bool:
    return transform.random_erasing is not None and transform.random_erasing.place == place


def _erased(
    transform: TrainTransform,
    images: DataNode,
    nodes: Mapping[str, DataNode],
    seeds: Iterator[int],
    mean: Sequence[float],
    std: Sequence[float],
    dtype: types.DALIDataType,
    layout: str,
    compiled: DataNode | None = None,
) -> DataNode:
    """One rectangle of random erasing; what is 0 after normalisation is `mean` in the images' units.

    Args:
        compiled: see `Noise`.
    """
    assert transform.random_erasing is not None
    fill: Any
    if transform.random_erasing.mode == "pixel":
        fill = Noise(mean, std, [next(seeds) for _ in mean], dtype, layout, compiled)
    elif transform.random_erasing.mode == "rand":
        # A constant vector would have the rows of the whole batch; numbers have those of the node.
        fill = fn.stack(*[nodes["colour"][c] * std[c] + mean[c] for c in range(len(mean))])
        fill = fn.cast(fn.cast(fill, dtype=dtype), dtype=FLOAT)  # rounded and cut off, which erasing is not
    else:
        fill = _nothing(mean, dtype)
    return erase(images, nodes, fill, None if "size" in nodes else transform.size)


def _nothing(mean: Sequence[float], dtype: types.DALIDataType) -> Sequence[float]:
    """What is 0 after normalisation, in images of that type."""
    return mean if dtype == FLOAT else np.rint(mean).tolist()


def _canvas(
    transform: TrainTransform, nodes: Mapping[str, DataNode], channels: int, compiled: bool
) -> Canvas:
    own = BLACK if transform.auto_augment is None else auto_augmentation(transform.auto_augment)[1]
    fill = (transform.fill or own) if channels == 3 else ()
    nearest = transform.interpolation == "nearest"
    interpolation = INTERPOLATIONS["nearest" if nearest else "bilinear"]
    size = None if "size" in nodes else transform.size
    return Canvas(size, fill, interpolation, channels, compiled)
