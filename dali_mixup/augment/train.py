"""The training transform: a random window of each image, resized, flipped by chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from ..checks import choice, integer, number
from .decode import INTERPOLATIONS, Backend, size_of, whole_image


@dataclass(frozen=True)
class TrainTransform:
    """torchvision's RandomResizedCrop and RandomHorizontalFlip, with its laws and defaults.

    Args:
        image_size: height and width of the result in pixels, one number or (height, width).
        scale: (low, high), 0 < low <= high <= 1: share of the image's area that the window covers.
        ratio: (low, high), 0 < low <= high: width / height of the window, log-uniform.
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos".
        antialias: low-pass before shrinking, as Pillow does and torchvision does by default.
        hflip: in [0, 1], how likely an image is flipped left to right.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    image_size: int | tuple[int, int] = 224
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: str = "bilinear"
    antialias: bool = True
    hflip: float = 0.5

    def __post_init__(self) -> None:
        for extent in size_of(self.image_size):
            integer("TrainTransform", "image_size", extent, at_least=1)
        for name, top in (("scale", 1.0), ("ratio", None)):
            low, high = getattr(self, name)
            number("TrainTransform", f"{name}[0]", low, above=0, at_most=top)
            number("TrainTransform", f"{name}[1]", high, at_least=low, at_most=top)
        choice("TrainTransform", "interpolation", self.interpolation, tuple(INTERPOLATIONS))
        number("TrainTransform", "hflip", self.hflip, at_least=0, at_most=1)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the result."""
        return size_of(self.image_size)

    def graph(self, encoded: DataNode, backend: Backend, seeds: Iterator[int]) -> DataNode:
        """(height, width, 3) uint8 HWC images from encoded bytes; `seeds` gives each random operator its own."""
        height, width = self.size
        window = {
            "random_area": list(self.scale),
            "random_aspect_ratio": list(self.ratio),
            "num_attempts": 10,  # torchvision's
            "seed": next(seeds),
        }
        resize = {"interp_type": INTERPOLATIONS[self.interpolation], "antialias": self.antialias}
        if backend.roi:
            images = fn.decoders.image_random_crop(encoded, **window, **backend.decoder_arguments)
            images = fn.resize(images, resize_y=height, resize_x=width, **resize)
        else:
            images = whole_image(encoded, backend)
            images = fn.random_resized_crop(images, size=[height, width], **window, **resize)
        if self.hflip:
            flipped = fn.random.coin_flip(
                probability=self.hflip, seed=next(seeds), dtype=types.DALIDataType.INT32
            )
            images = fn.flip(images, horizontal=flipped)
        return images
