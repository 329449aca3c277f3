"""HMix: CutMix inside a box, MixUp around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import concentration, number
from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.boxes import area_share, centre_clipped
from dali_mixup.methods.masks import Separable


@dataclass(frozen=True)
class HMix(Method):
    """A box of r of the partner's share shows the partner alone; the rest is blended so that the label weight is lam.

    Park et al. 2022 (arXiv 2208.09913): lam ~ Beta(alpha, alpha), a CutMix box of side sqrt(r (1 - lam)), clipped, and
    outside it x_i with weight lam / (1 - area / (H W)). So the weight is exactly lam for any amount of clipping, and
    unlike CutMix's it is Beta distributed.

    Args:
        alpha: > 0.
        r: in [0, 1]; 0 is MixUp, 1 CutMix, with blending for the clipped part. The paper's figures use 0.5,
            the authors' code 1 by default.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    alpha: float = 1.0
    r: float = 0.5

    name: ClassVar[str] = "hmix"
    form: ClassVar[Form] = Form.SEPARABLE

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", concentration("HMix", "alpha", self.alpha))
        object.__setattr__(self, "r", number("HMix", "r", self.r, at_least=0, at_most=1))

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        lam = rng.beta(self.alpha, self.alpha, n)
        boxes = centre_clipped(rng, 1.0 - self.r * (1.0 - lam), height, width)
        outside = 1.0 - area_share(boxes, height, width)
        # The box has at most r (1 - lam) of the pixels, so outside >= lam; it is 0 only with lam = 0, r = 1.
        blend = np.divide(lam, outside, out=np.zeros(n), where=outside > 0)
        y, x = np.arange(height), np.arange(width)
        down = (y >= boxes[:, :1]) & (y < boxes[:, 2:3])
        across = (x >= boxes[:, 1:2]) & (x < boxes[:, 3:])
        u = blend.astype(np.float32)[:, None]
        masks = Separable.of(u=u, d=-u * down, a=across, size=(n, height, width))
        return Draws(weights=two(lam), boxes=boxes, masks=masks)
