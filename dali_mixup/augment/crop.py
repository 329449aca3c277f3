"""The random window of a training image: torchvision's RandomResizedCrop, or the padded crop of CIFAR recipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.decode import Backend, whole_image
from dali_mixup.augment.extra import Extra
from dali_mixup.augment.extra_graph import with_extras
from dali_mixup.augment.resize import resized_for_window, shorter_side

INT64 = types.DALIDataType.INT64


def random_window(
    encoded: DataNode, backend: Backend, scale: tuple[float, float], ratio: tuple[float, float], seed: int
) -> DataNode:
    """A window of a random area and aspect ratio, (H, W, 3) uint8 HWC, to be resized. 10 attempts, as in torchvision;
    if none fits the image, the largest window of a valid ratio, at a random place, where torchvision takes the centre.

    Both ways give the same pixels. `fn.random_resized_crop` would not: its filter also reads pixels outside the window.
    """
    window = {
        "random_area": list(scale),
        "random_aspect_ratio": list(ratio),
        "num_attempts": 10,
        "seed": seed,
    }
    if backend.roi:
        return fn.decoders.image_random_crop(encoded, **window, **backend.decoder_arguments)
    start, shape = fn.random_crop_generator(fn.peek_image_shape(encoded, adjust_orientation=False), **window)
    return fn.slice(whole_image(encoded, backend), start=start, shape=shape, axis_names="HW")


def given_window(encoded: DataNode, backend: Backend, start: DataNode, shape: DataNode) -> DataNode:
    """A window inside the image, (h, w, 3) uint8 HWC; start and shape (y, x), int32 on the CPU."""
    if backend.roi:
        return fn.decoders.image_slice(
            encoded, start=start, shape=shape, axis_names="HW", **backend.decoder_arguments
        )
    return fn.slice(whole_image(encoded, backend), start=start, shape=shape, axis_names="HW")


def padded_window(
    encoded: DataNode,
    backend: Backend,
    size: tuple[int, int],
    padding: int,
    resize: dict[str, Any],
    seed: int,
    given: DataNode | None = None,
    extras: Sequence[Extra] = (),
) -> DataNode:
    """torchvision's Resize(max(size)) and RandomCrop(size, padding) on black: every window position is equally likely.
    An image that already has this size is not resampled. `given` is the window's place, (y, x) in the resized image, if
    it was drawn before; `extras` are of the whole image."""
    before, shape = shorter_side(encoded, max(size))
    if given is None:
        positions = shape + 2 * padding + 1 - types.Constant(np.array(size, np.int64), device="cpu")
        chance = fn.random.uniform(range=[0.0, 1.0], shape=[2], seed=seed)
        start = fn.cast(math.floor(chance * positions), dtype=INT64) - padding
    else:
        start = fn.cast(given, dtype=INT64)
    images = with_extras(whole_image(encoded, backend), extras, "after_decode")
    images, _, start = resized_for_window(images, before, shape, start, size, resize)
    return fn.slice(
        images,
        start=fn.cast(start, dtype=types.DALIDataType.INT32),
        shape=list(size),
        axis_names="HW",
        out_of_bounds_policy="pad",
        fill_values=0,
    )
