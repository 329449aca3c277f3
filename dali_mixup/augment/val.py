"""The validation transform: the shorter side resized, the centre cropped. A description; `val_graph` has the
operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dali_mixup._checks import boolean, choice, integer
from dali_mixup.augment.extra import ONLY_IN_PYTHON, Extra, checked_extras
from dali_mixup.augment.interpolation import INTERPOLATIONS, Interpolation
from dali_mixup.augment.maps import cut_out
from dali_mixup.augment.sizes import pair_or_side, size_of
from dali_mixup.augment.windows import Windows, centred_windows

if TYPE_CHECKING:
    import numpy as np
    from nvidia.dali.data_node import DataNode

    from dali_mixup._graph.decode import Stored


@dataclass(frozen=True)
class ValTransform:
    """torchvision's Resize(resize_size) and CenterCrop(image_size), to the pixel in size and position.

    A resize_size other than 256 / 224 of the training size and a larger image_size are the settings with which FixRes
    (Touvron et al. 2019, arXiv:1906.06423) validates.

    Args:
        image_size: height and width of the result in pixels, one number or (height, width).
        resize_size: pixels of the shorter side before the crop, at least image_size; None: the larger side of
            image_size times 256 / 224, rounded, which `resolved` writes out.
        interpolation, antialias: as in `TrainTransform`.
        extra: functions of your own, a list of `Extra` at "after_decode", "after_crop" or "batch".

    Raises:
        TypeError, ValueError: values outside the above.
    """

    image_size: int | tuple[int, int] = 224
    resize_size: int | None = None
    interpolation: Interpolation = "bilinear"
    antialias: bool = True
    extra: Sequence[Extra] = field(default=(), metadata=ONLY_IN_PYTHON)

    def __post_init__(self) -> None:
        owner = "ValTransform"
        object.__setattr__(self, "image_size", pair_or_side(owner, self.image_size))
        if self.resize_size is not None:
            resize_size = integer(owner, "resize_size", self.resize_size, at_least=1, at_most=2**31 - 1)
            object.__setattr__(self, "resize_size", resize_size)
            if resize_size < max(self.size):
                raise ValueError(
                    f"{owner}: resize_size={resize_size} is smaller than image_size={self.image_size}; the crop "
                    "would not fit, expected resize_size >= image_size"
                )
        choice(owner, "interpolation", self.interpolation, INTERPOLATIONS)
        object.__setattr__(self, "antialias", boolean(owner, "antialias", self.antialias))
        extras = checked_extras(owner, self.extra, ("after_decode", "after_crop", "batch"))
        object.__setattr__(self, "extra", extras)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the result."""
        return size_of(self.image_size)

    @property
    def resolved(self) -> ValTransform:
        """The same transform with its resize_size written out."""
        return self if self.resize_size else replace(self, resize_size=round(max(self.size) * 256 / 224))

    @property
    def draws(self) -> None:
        """Nothing is random."""
        return None

    @property
    def window_names(self) -> tuple[str, ...]:
        """The graph finds the centre by itself."""
        return ()

    def maps(
        self,
        masks: Sequence[np.ndarray | None],
        sizes: np.ndarray,
        outside: int,
        *,
        seed: int,
        rank: int,
        epoch: int,
        step: int,
        window_seed: int | None = None,
    ) -> tuple[np.ndarray, Windows]:
        """As of `TrainTransform`, of the centres."""
        windows = centred_windows(self.resolved, sizes)
        return cut_out(masks, windows, self.size, outside), windows

    @property
    def changes_after_mix(self) -> bool:
        """False: nothing is mixed in validation."""
        return False

    def windows(
        self, stored: Stored, seeds: Iterator[int], nodes: Mapping[str, DataNode]
    ) -> dict[str, DataNode]:
        """Nothing: the graph finds the centre by itself."""
        return {}

    def graph(
        self,
        stored: Stored,
        seeds: Iterator[int],
        nodes: Mapping[str, DataNode],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> tuple[DataNode, dict[str, Any]]:
        """(H, W, C) HWC images and the window of them that is kept, as arguments of `fn.crop_mirror_normalize`;
        none if the images are that window already."""
        from dali_mixup.augment.val_graph import resized_and_centred

        return resized_and_centred(self.resolved, stored)

    def after_mix(
        self,
        images: DataNode,
        seeds: Iterator[int],
        nodes: Mapping[str, DataNode],
        layout: str,
        channels: int,
    ) -> DataNode:
        """The images: no operation follows the crop."""
        return images
