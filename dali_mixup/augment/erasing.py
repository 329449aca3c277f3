"""Random erasing and Cutout: rectangles of an image replaced by a constant, a random colour or noise. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dali_mixup._checks import MOST_PIXELS, choice, integer, number

ATTEMPTS = 10  # as in timm and torchvision
RATIOS = 1e-6, 1e6  # of height to width: beyond them rectangles are longer than 32 bits count


@dataclass(frozen=True)
class Rectangles:
    """One rectangle, or none, for each of N images.

    Attributes:
        erased: (N,) bool.
        start, shape: (N, 2) int32, (y, x) and (height, width) in pixels; inside the image.
        colour: (N, C) float32, in units of the normalised image.
    """

    erased: np.ndarray
    start: np.ndarray
    shape: np.ndarray
    colour: np.ndarray


@dataclass(frozen=True)
class RandomErasing:
    """Random erasing (Zhong et al. 2017, arXiv:1708.04896) with the laws of timm and torchvision.

    An area and an aspect ratio (log-uniform) are drawn up to 10 times until the rectangle is smaller than the image;
    its position is uniform. If none fits, the image stays as it is.

    Args:
        prob: in [0, 1], the probability that an image is erased.
        mode: "const": 0 after normalisation (timm's const, torchvision's value=0); "rand": a normal colour per
            rectangle; "pixel": normal noise, both of mean 0 and deviation 1 after normalisation.
        area: (low, high), 0 < low <= high <= 1, share of the image's area; of all its rectangles together.
        ratio: (low, high), 1e-6 <= low <= high <= 1e6, height / width.
        count: 1 to 100, maximum number of rectangles per image; the number is uniform in 1..count.
        place: "before_mix": erased images are mixed, as in DeiT, Swin, ConvNeXt and torchvision; "after_mix": mixed
            images are erased, as with timm's prefetcher. Before mixing, pixels are uint8, so the constant is the
            rounded mean, and noise is clipped to black and white (not with `Output(bits=16)`, whose pixels are float32
            then).

    Raises:
        TypeError, ValueError: values outside the above.
    """

    prob: float = 0.25
    mode: Literal["const", "rand", "pixel"] = "const"
    area: tuple[float, float] = (0.02, 1 / 3)
    ratio: tuple[float, float] = (0.3, 1 / 0.3)
    count: int = 1
    place: Literal["before_mix", "after_mix"] = "before_mix"

    def __post_init__(self) -> None:
        object.__setattr__(self, "prob", number("RandomErasing", "prob", self.prob, at_least=0, at_most=1))
        choice("RandomErasing", "mode", self.mode, ("const", "rand", "pixel"))
        choice("RandomErasing", "place", self.place, ("before_mix", "after_mix"))
        object.__setattr__(
            self, "count", integer("RandomErasing", "count", self.count, at_least=1, at_most=100)
        )
        object.__setattr__(self, "area", checked_range("RandomErasing", "area", self.area, top=1.0))
        object.__setattr__(self, "ratio", checked_range("RandomErasing", "ratio", self.ratio))

    def draw(
        self, rng: np.random.RandomState, rows: int, height: int, width: int, channels: int = 3
    ) -> list[Rectangles]:
        """`count` rectangles for each of `rows` images of this size and so many channels."""
        erased = rng.random_sample(rows) < self.prob
        counts = rng.randint(1, self.count + 1, size=rows)
        made = []
        for number_of_this in range(self.count):
            share = rng.uniform(*self.area, size=(rows, ATTEMPTS)) / counts[:, None]
            low, high = np.log(self.ratio).tolist()
            aspect = np.exp(rng.uniform(low, high, size=(rows, ATTEMPTS)))
            h = np.rint(np.sqrt(share * height * width * aspect)).astype(np.int32)
            w = np.rint(np.sqrt(share * height * width / aspect)).astype(np.int32)
            fits = (h < height) & (w < width)
            first = fits.argmax(axis=1)[:, None]
            shape = np.concatenate([np.take_along_axis(extent, first, axis=1) for extent in (h, w)], axis=1)
            there = erased & fits.any(axis=1) & (number_of_this < counts) & shape.all(axis=1)
            shape = np.where(there[:, None], shape, 1).astype(np.int32)
            room = np.array([height, width]) - shape + 1
            start = np.floor(rng.random_sample((rows, 2)) * room).astype(np.int32)
            normal = self.mode == "rand"
            colour = rng.standard_normal((rows, channels)) if normal else np.zeros((rows, channels))
            made.append(Rectangles(there, start, shape, colour.astype(np.float32)))
        return made


@dataclass(frozen=True)
class Cutout:
    """Cutout (DeVries and Taylor 2017, arXiv:1708.04552): a square of 0 after normalisation, before mixing.

    Its centre is any pixel with equal probability, and the part outside the image is left out.

    Args:
        size: side of the square in pixels, 1 to 2**28.
        prob: in [0, 1], the probability that an image is cut out.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    size: int
    prob: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "size", integer("Cutout", "size", self.size, at_least=1, at_most=MOST_PIXELS)
        )
        object.__setattr__(self, "prob", number("Cutout", "prob", self.prob, at_least=0, at_most=1))

    def draw(
        self, rng: np.random.RandomState, rows: int, height: int, width: int, channels: int = 3
    ) -> list[Rectangles]:
        """One rectangle for each of `rows` images of this size and so many channels."""
        extent = np.array([height, width])
        centre = np.floor(rng.random_sample((rows, 2)) * extent).astype(np.int32)
        start = np.clip(centre - self.size // 2, 0, extent)
        stop = np.clip(centre - self.size // 2 + self.size, 0, extent)
        shape = (stop - start).astype(np.int32)
        cut = (rng.random_sample(rows) < self.prob) & shape.all(axis=1)
        return [Rectangles(cut, start.astype(np.int32), shape, np.zeros((rows, channels), np.float32))]


def checked_range(
    owner: str, name: str, value: Sequence[float], top: float | None = None
) -> tuple[float, float]:
    """`value` as two floats 0 < low <= high <= top, or without one in `RATIOS`; TypeError or ValueError otherwise."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{owner}: {name}={value!r}, expected (low, high)")
    bounds: dict[str, Any] = {"at_least": RATIOS[0], "at_most": RATIOS[1]}
    if top is not None:
        bounds = {"above": 0, "at_most": top}
    low, most = number(owner, f"{name}[0]", value[0], **bounds), bounds["at_most"]
    return low, number(owner, f"{name}[1]", value[1], at_least=low, at_most=most)
