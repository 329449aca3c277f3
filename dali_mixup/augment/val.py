"""The validation transform: the shorter side resized, the centre cropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup._checks import boolean, choice, integer
from dali_mixup._graph.decode import INTERPOLATIONS, Backend, Interpolation, whole_image
from dali_mixup.augment.resize import resized_for_window, shorter_side
from dali_mixup.augment.sizes import pair_or_side, size_of


@dataclass(frozen=True)
class ValTransform:
    """torchvision's Resize(resize_size) and CenterCrop(image_size), to the pixel in size and position.

    A resize_size other than 256 / 224 of the training size and a larger image_size are how FixRes (Touvron et al. 2019,
    arXiv:1906.06423) validates.

    Args:
        image_size: height and width of the result in pixels, one number or (height, width).
        resize_size: pixels of the shorter side before the crop, at least image_size; None: the larger side of
            image_size times 256 / 224, rounded.
        interpolation, antialias: as in `TrainTransform`.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    image_size: int | tuple[int, int] = 224
    resize_size: int | None = None
    interpolation: Interpolation = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        owner = "ValTransform"
        object.__setattr__(self, "image_size", pair_or_side(owner, self.image_size))
        given = self.resize_size
        resize_size = round(max(self.size) * 256 / 224)
        if given is not None:
            resize_size = integer(owner, "resize_size", given, at_least=1)
        object.__setattr__(self, "resize_size", resize_size)
        if resize_size < max(self.size):
            raise ValueError(
                f"{owner}: resize_size={self.resize_size} is smaller than image_size={self.image_size}; the crop "
                "would not fit, expected resize_size >= image_size"
            )
        choice(owner, "interpolation", self.interpolation, tuple(INTERPOLATIONS))
        object.__setattr__(self, "antialias", boolean(owner, "antialias", self.antialias))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the result."""
        return size_of(self.image_size)

    @property
    def draws(self) -> None:
        """Nothing is random."""
        return None

    @property
    def erases_after_mix(self) -> bool:
        return False

    def graph(
        self,
        encoded: DataNode,
        backend: Backend,
        seeds: Iterator[int],
        nodes: Mapping[str, DataNode],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> tuple[DataNode, dict[str, Any]]:
        """(H, W, 3) uint8 HWC images whose shorter side is `resize_size`, and the centre as arguments of
        `fn.crop_mirror_normalize`, of which the crop is a part."""
        resize = {"interp_type": INTERPOLATIONS[self.interpolation], "antialias": self.antialias}
        assert self.resize_size is not None
        before, shape = shorter_side(encoded, self.resize_size)
        size = types.Constant(np.array(self.size, np.int64), device="cpu")
        room = shape - size
        half = room // 2
        # torchvision rounds room / 2 to the even neighbour, DALI a half upwards.
        start = half + (room & half & 1)
        images, shape, start = resized_for_window(
            whole_image(encoded, backend), before, shape, start, self.size, resize
        )
        # DALI multiplies by the room again and rounds.
        position = start / math.max(shape - size, 1)
        y, x = (fn.reshape(fn.slice(position, start=[i], shape=[1], axes=[0]), shape=[]) for i in (0, 1))
        return images, {"crop": list(self.size), "crop_pos_y": y, "crop_pos_x": x}

    def after_mix(
        self, images: DataNode, seeds: Iterator[int], nodes: Mapping[str, DataNode], layout: str
    ) -> DataNode:
        """The images: nothing comes after the crop."""
        return images
