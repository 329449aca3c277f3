"""CutMix: a rectangle of one image pasted into another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..checks import number
from .base import Draws, Form, Method, two
from .boxes import area_share, centre_clipped, minmax, same_place


@dataclass(frozen=True)
class CutMix(Method):
    """A box of the partner pasted at the same place; labels weighted by the exact share of pixels.

    Yun et al. 2019 (arXiv 1905.04899): lam0 ~ Beta(alpha, alpha), a box of side sqrt(1 - lam0) around a uniform
    centre, clipped, and lam = 1 - area / (H W) of the clipped box, so at alpha = 1 and 224 pixels E[lam] is 0.682.
    Boxes are those of timm 1.0.31.

    Args:
        alpha: > 0; has no effect where `minmax` is given.
        minmax: (low, high), 0 <= low < high <= 1: instead, each side is drawn on its own as that fraction of the
            image's, anywhere inside it.

    Raises:
        TypeError, ValueError: alpha or minmax outside what is allowed.
    """

    alpha: float = 1.0
    minmax: tuple[float, float] | None = None

    name: ClassVar[str] = "cutmix"
    form: ClassVar[Form] = Form.PASTE

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", number("CutMix", "alpha", self.alpha, above=0))
        if self.minmax is not None:
            object.__setattr__(self, "minmax", _range(self.minmax))

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        if self.minmax is None:
            boxes = centre_clipped(rng, rng.beta(self.alpha, self.alpha, n), height, width)
        else:
            boxes = minmax(rng, n, height, width, *self.minmax)
        lam = 1.0 - area_share(boxes, height, width)
        return Draws(weights=two(lam), boxes=boxes, regions=same_place(boxes))


def _range(given: object) -> tuple[float, float]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ValueError(
            f"CutMix: minmax={given!r}, expected two numbers (low, high) with 0 <= low < high <= 1"
        )
    low = number("CutMix", "minmax[0]", given[0], at_least=0, below=1)
    high = number("CutMix", "minmax[1]", given[1], above=0, at_most=1)
    if low >= high:
        raise ValueError(f"CutMix: minmax={given!r}, expected low < high")
    return low, high
