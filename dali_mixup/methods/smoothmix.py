"""SmoothMix: the partner shines through a soft round window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.bells import bells
from dali_mixup.methods.intervals import interval


@dataclass(frozen=True)
class SmoothMix(Method):
    """x~ = (1 - G) x_i + G x_j with G = exp(-d^2 / (2 sigma^2)) around a uniform point; lam = 1 - mean(G).

    Lee et al. 2020 (CVPR Workshops, "SmoothMix: a Simple Yet Effective Data Augmentation to Train Robust
    Classifiers"), as in OpenMixup but for the label: there mean(G), the partner's weight, is returned as the row's own.

    Args:
        sigma: (low, high) > 0, uniform, as a share of sqrt(H W), the side of a square image.

    Raises:
        TypeError, ValueError: sigma outside the above.
    """

    sigma: tuple[float, float] = (0.25, 0.5)

    name: ClassVar[str] = "smoothmix"
    form: ClassVar[Form] = Form.SEPARABLE

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", interval("SmoothMix", "sigma", self.sigma, above=0))

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        sigma = rng.uniform(*self.sigma, n) * np.sqrt(height * width)
        # Pixel i covers [i - 1/2, i + 1/2), so this is uniform over the image.
        cy, cx = rng.uniform(-0.5, height - 0.5, n), rng.uniform(-0.5, width - 0.5, n)
        masks, own = bells(cy, cx, 0.5 / sigma**2, np.full(n, True), height, width)
        return Draws(weights=two(own), masks=masks)
