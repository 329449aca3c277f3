"""GMix: CutMix with a soft round patch instead of a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import concentration
from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.bells import bells
from dali_mixup.methods.boxes import below


@dataclass(frozen=True)
class GMix(Method):
    """The image with less weight shows through G = exp(-pi d^2 / (m H W)), m = min(lam0, 1 - lam0).

    Park et al. 2022 (arXiv 2208.09913): lam0 ~ Beta(alpha, alpha), the centre uniform over the pixels. G has the volume
    m H W before the border clips it; the label weight is the exact mean of the rest, so for lam0 < 1/2 lam =
    mean(G), else lam = 1 - mean(G). The authors' code handles square images only.

    Args:
        alpha: > 0. Raises TypeError or ValueError otherwise.
    """

    alpha: float = 1.0

    name: ClassVar[str] = "gmix"
    form: ClassVar[Form] = Form.SEPARABLE

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", concentration("GMix", "alpha", self.alpha))

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        lam = rng.beta(self.alpha, self.alpha, n)
        cy, cx = below(rng, np.full(n, height)), below(rng, np.full(n, width))
        # A patch of almost no area is one pixel: the smallest sharpness at which a neighbour's weight underflows.
        area = np.maximum(np.minimum(lam, 1.0 - lam) * height * width, 1e-3)
        masks, own = bells(cy, cx, np.pi / area, lam >= 0.5, height, width)
        return Draws(weights=two(own), masks=masks)
