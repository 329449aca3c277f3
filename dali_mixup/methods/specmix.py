"""SpecMix: bands of frequencies and of times of one spectrogram pasted into another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import integer, number
from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.boxes import below


@dataclass(frozen=True)
class SpecMix(Method):
    """Bands over the whole width and bands over the whole height show the partner; labels by the exact share of pixels.

    Kim et al. 2021 (arXiv 2108.03020), in the form of the authors' code, GT-KIM/specmix: the numbers of bands of rows
    and of columns are uniform on {0, ..., bands}, each band is floor(ratio extent) pixels wide, at any place inside the
    image with equal probability, and bands may overlap. With spectrograms of frequency x time, as `fn.spectrogram` and
    `fn.mel_filter_bank` give them, bands of rows are frequencies and bands of columns are times. A row that draws no
    band at all, 1 / (bands + 1)^2 of them, is left alone.

    Args:
        ratio: in (0, 1], the width of a band as a share of the image's. The authors' code has 0.3 as default, and 0.7
            and 0.1 in its two classification tasks.
        bands: 1 to 1000, the largest number of bands of either kind.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    ratio: float = 0.3
    bands: int = 2

    name: ClassVar[str] = "specmix"
    form: ClassVar[Form] = Form.PASTE

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", number("SpecMix", "ratio", self.ratio, above=0, at_most=1))
        object.__setattr__(self, "bands", integer("SpecMix", "bands", self.bands, at_least=1, at_most=1000))

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        top, high = self._bands(rng, n, height)
        left, wide = self._bands(rng, n, width)
        zero, one = np.zeros_like(top), np.ones_like(top)
        # As tall as the image where there is a band of columns, and as wide for one of rows.
        rows = np.stack([one, top, zero, top, zero, high, width * (high > 0)], axis=2)
        columns = np.stack([one, zero, left, zero, left, height * (wide > 0), wide], axis=2)
        own = _outside(top, high, height) * _outside(left, wide, width) / float(height * width)
        return Draws(weights=two(own), regions=np.concatenate([rows, columns], axis=1))

    def _bands(self, rng: np.random.RandomState, n: int, extent: int) -> tuple[np.ndarray, np.ndarray]:
        """(n, bands) int: first pixels and widths along one axis; those not drawn are 0 wide."""
        wide = int(self.ratio * extent)
        drawn = np.arange(self.bands) < below(rng, np.full((n, 1), self.bands + 1))
        first = below(rng, np.full((n, self.bands), extent - wide + 1))
        return first * drawn, wide * drawn


def _outside(first: np.ndarray, wide: np.ndarray, extent: int) -> np.ndarray:
    """(n,) int: the pixels along one axis that are in no band."""
    order = np.argsort(first, axis=1)
    first, end = (np.take_along_axis(each, order, axis=1) for each in (first, first + wide))
    furthest = np.maximum.accumulate(end, axis=1)
    before = np.pad(furthest[:, :-1], ((0, 0), (1, 0)))  # what earlier bands cover ends here
    new = np.maximum(end - np.maximum(first, before), 0)
    return extent - new.sum(axis=1)
