"""The validation transform: the shorter side resized, the centre cropped."""

from __future__ import annotations

from dataclasses import dataclass

from nvidia.dali import fn
from nvidia.dali.data_node import DataNode

from ..checks import choice, integer
from .decode import INTERPOLATIONS, Backend, whole_image
from .sizes import check_size, size_of


@dataclass(frozen=True)
class ValTransform:
    """torchvision's Resize(resize_size) and CenterCrop(image_size).

    Args:
        image_size: height and width of the result in pixels, one number or (height, width).
        resize_size: pixels of the shorter side before the crop, at least image_size.
        interpolation, antialias: as in `TrainTransform`.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    image_size: int | tuple[int, int] = 224
    resize_size: int = 256
    interpolation: str = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        check_size("ValTransform", self.image_size)
        if integer("ValTransform", "resize_size", self.resize_size, at_least=1) < max(self.size):
            raise ValueError(
                f"ValTransform: resize_size={self.resize_size} is smaller than image_size={self.image_size}; the crop "
                "would not fit, expected resize_size >= image_size"
            )
        choice("ValTransform", "interpolation", self.interpolation, tuple(INTERPOLATIONS))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the result."""
        return size_of(self.image_size)

    def graph(self, encoded: DataNode, backend: Backend) -> DataNode:
        """(H, W, 3) uint8 HWC images whose shorter side is `resize_size`; the crop is part of the normalisation."""
        return fn.resize(
            whole_image(encoded, backend),
            resize_shorter=self.resize_size,
            interp_type=INTERPOLATIONS[self.interpolation],
            antialias=self.antialias,
        )
