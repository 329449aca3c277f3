"""A validation transform as DALI operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.decode import INTERPOLATIONS, Stored, mixable
from dali_mixup.augment.extra_graph import with_extras
from dali_mixup.augment.resize import kernels_resize, resized_for_window, shorter_side

if TYPE_CHECKING:
    from dali_mixup.augment.val import ValTransform


def resized_and_centred(transform: ValTransform, stored: Stored) -> tuple[DataNode, dict[str, Any]]:
    """(H, W, C) HWC images, as decoded, whose shorter side is `resize_size`, and the centre as arguments of
    `fn.crop_mirror_normalize`, of which the crop is a part. With the compiled kernels the centre alone, and no
    arguments: a part is resized exactly as it is in the whole."""
    assert transform.resize_size is not None
    images = with_extras(stored.whole(), transform.extra, "after_decode")
    if kernels_resize(stored.backend, transform.interpolation, transform.antialias):
        from dali_mixup._cpu.operators import resized_centre

        images = resized_centre(images, transform.size, transform.interpolation, transform.resize_size)
        return with_extras(images, transform.extra, "after_crop"), {}
    shape = shorter_side(stored.shape, transform.resize_size)
    size = types.Constant(np.array(transform.size, np.int64), device="cpu")
    room = shape - size
    half = room // 2
    # torchvision rounds room / 2 to the even neighbour, DALI a half upwards.
    start = half + (room & half & 1)
    resize = {"interp_type": INTERPOLATIONS[transform.interpolation], "antialias": transform.antialias}
    images, shape, start = resized_for_window(images, stored.shape, shape, start, size, resize)
    # DALI multiplies by the room again and rounds.
    position = start / math.max(shape - size, 1)
    y, x = (fn.reshape(fn.slice(position, start=[i], shape=[1], axes=[0]), shape=[]) for i in (0, 1))
    window = {"crop": list(transform.size), "crop_pos_y": y, "crop_pos_x": x}
    if not any(one.place == "after_crop" for one in transform.extra):
        return images, window
    images = mixable(fn.crop(images, **window), stored.backend.kind)
    return with_extras(images, transform.extra, "after_crop"), {}
