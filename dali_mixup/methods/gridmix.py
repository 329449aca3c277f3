"""GridMix: a grid of holes through which the partner shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import concentration
from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.boxes import below
from dali_mixup.methods.intervals import integers, interval
from dali_mixup.methods.masks import Bits


@dataclass(frozen=True)
class GridMix(Method):
    """Inside a random rectangle, holes of side sqrt(1 - lam0) of a grid's pitch show the partner.

    The law of OpenMixup's `gridmix` (after IlyaDobrynin/GridMixup), with its settings for ImageNet; lam is the share of
    the image outside the holes. The rectangle has the area cut_area_ratio H W and height / width = cut_aspect_ratio,
    cut down to the image where it is larger, at a uniform place inside. Its width is cut in n_holes equal parts,
    rounded up to pixels; holes keep between one pixel and one less than the pitch.

    Args:
        alpha: > 0; lam0 ~ Beta(alpha, alpha).
        n_holes: (low, high) >= 1, holes side by side, each number equally likely.
        hole_aspect_ratio: (low, high) > 0, height / width of the grid's cells, uniform.
        cut_area_ratio: (low, high) in (0, 1], uniform.
        cut_aspect_ratio: (low, high) > 0, uniform.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    alpha: float = 0.2
    n_holes: tuple[int, int] = (2, 6)
    hole_aspect_ratio: tuple[float, float] = (1.0, 1.0)
    cut_area_ratio: tuple[float, float] = (0.5, 1.0)
    cut_aspect_ratio: tuple[float, float] = (0.5, 2.0)

    name: ClassVar[str] = "gridmix"
    form: ClassVar[Form] = Form.MASK

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", concentration("GridMix", "alpha", self.alpha))
        object.__setattr__(self, "n_holes", integers("GridMix", "n_holes", self.n_holes, at_least=1))
        for name, top in (("hole_aspect_ratio", None), ("cut_area_ratio", 1.0), ("cut_aspect_ratio", None)):
            bounds = interval("GridMix", name, getattr(self, name), above=0, at_most=top)
            object.__setattr__(self, name, bounds)

    @property
    def hard(self) -> bool:
        return True

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        ratio = np.sqrt(1.0 - rng.beta(self.alpha, self.alpha, n))
        low, high = self.n_holes
        holes = low + below(rng, np.full(n, high - low + 1))
        hole_aspect = rng.uniform(*self.hole_aspect_ratio, n)
        area = rng.uniform(*self.cut_area_ratio, n) * height * width
        aspect = rng.uniform(*self.cut_aspect_ratio, n)
        cut_w = np.sqrt(area / aspect).astype(np.int64).clip(1, width)
        cut_h = np.sqrt(area * aspect).astype(np.int64).clip(1, height)
        x0, y0 = below(rng, width - cut_w + 1), below(rng, height - cut_h + 1)
        pitch_w = -(-cut_w // holes)
        pitch_h = np.maximum((pitch_w * hole_aspect).astype(np.int64), 1)
        across = in_holes(width, x0, cut_w, pitch_w, ratio)
        down = in_holes(height, y0, cut_h, pitch_h, ratio)
        # Ones, but the complement of `across` in the rows with holes.
        rest = np.packbits(~across, axis=1)
        masks = Bits(np.stack([np.full_like(rest, 255), rest], axis=1), width, down.astype(np.int32))
        pasted = down.mean(1, dtype=np.float64) * across.mean(1, dtype=np.float64)
        return Draws(weights=two(1.0 - pasted), masks=masks)


def in_holes(
    extent: int, start: np.ndarray, length: np.ndarray, pitch: np.ndarray, ratio: np.ndarray
) -> np.ndarray:
    """(n, extent) bool: True on the pixels of [start, start + length) that are in a hole, one at the beginning of every
    `pitch` pixels, of `ratio` of it but at least 1 and at most pitch - 1 pixels."""
    hole = np.minimum(np.maximum((pitch * ratio).astype(np.int64), 1), pitch - 1)
    # Of 32 bits, which processors divide in a fraction of the time.
    begun, until, every, wide = (each.astype(np.int32)[:, None] for each in (start, length, pitch, hole))
    at = np.arange(extent, dtype=np.int32) - begun
    return (at >= 0) & (at < until) & (at % every < wide)
