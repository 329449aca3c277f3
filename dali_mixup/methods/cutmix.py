"""CutMix: a rectangle of one image pasted into another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from dali_mixup._checks import choice, concentration
from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.boxes import area_share, centre_clipped, evenly_clipped, minmax, same_place
from dali_mixup.methods.intervals import interval


@dataclass(frozen=True)
class CutMix(Method):
    """A box of the partner pasted at the same place; labels weighted by the exact share of pixels.

    Yun et al. 2019 (arXiv 1905.04899): lam0 ~ Beta(alpha, alpha), a box of side sqrt(1 - lam0) around a uniform
    centre, clipped, and lam = 1 - area / (H W) of the clipped box, so at alpha = 1 and 224 pixels E[lam] is 0.682.
    Boxes are those of timm 1.0.31. Of a line of pixels, such as sound, they are 1 - lam of the length.

    Args:
        alpha: > 0; not together with `minmax`.
        minmax: (low, high), 0 <= low < high <= 1: instead, each side is drawn separately as that fraction of the
            image's, anywhere inside it.
        sampling: "centre", the paper's, or "uniform", Composer's: every pixel is equally likely to be pasted over,
            where the paper's law favours the middle. Boxes are clipped more often, so at alpha = 1 E[lam] is 0.84.
            Refused with minmax, which places its boxes inside the image.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    alpha: float = 1.0
    minmax: tuple[float, float] | None = None
    sampling: Literal["centre", "uniform"] = "centre"

    name: ClassVar[str] = "cutmix"
    form: ClassVar[Form] = Form.PASTE

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", concentration("CutMix", "alpha", self.alpha))
        choice("CutMix", "sampling", self.sampling, ("centre", "uniform"))
        if self.minmax is not None:
            bounds = interval("CutMix", "minmax", self.minmax, at_least=0, at_most=1, strict=True)
            object.__setattr__(self, "minmax", bounds)
            if self.alpha != 1.0:
                raise ValueError(
                    f"CutMix: alpha={self.alpha!r} with minmax={self.minmax!r}; boxes drawn between minmax use no "
                    "alpha, give one of them"
                )
            if self.sampling != "centre":
                raise ValueError(
                    f"CutMix: sampling={self.sampling!r} places boxes of sampled area; expected no minmax with it, "
                    f"got minmax={self.minmax!r}"
                )

    @property
    def uses_alpha(self) -> bool:
        return self.minmax is None

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        if self.minmax is not None:
            boxes = minmax(rng, n, height, width, *self.minmax)
        else:
            place = centre_clipped if self.sampling == "centre" else evenly_clipped
            boxes = place(rng, rng.beta(self.alpha, self.alpha, n), height, width)
        lam = 1.0 - area_share(boxes, height, width)
        return Draws(weights=two(lam), boxes=boxes, regions=same_place(boxes))
