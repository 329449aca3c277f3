"""ResizeMix: the partner's whole image, shrunk, pasted over a part of the row's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from dali_mixup._checks import choice, concentration
from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.boxes import area_share, below, clipped, shifted_inside, sides, whole
from dali_mixup.methods.intervals import interval

Law = Literal["official", "openmixup", "mmpretrain"]
LAWS: tuple[Law, ...] = get_args(Law)


@dataclass(frozen=True)
class ResizeMix(Method):
    """The partner resized to about tau H x tau W and pasted; labels weighted by the exact share of pixels.

    Qin et al. 2020 (arXiv 2012.11101). Three laws go by this name, and they mix to different degrees (E[lam] at 224
    pixels, default arguments):

    - "official": tau ~ U(scope), centre uniform, the patch shifted inside: lam = 1 - tau^2, E = 0.76.
    - "openmixup": tau ~ U(scope), centre uniform, the box clipped and the partner squeezed into the rest: E = 0.83.
    - "mmpretrain": lam0 = Beta(alpha, alpha) scaled to scope, a CutMix box of side sqrt(1 - lam0), clipped, the partner
      squeezed into it: E = 0.65.

    Every box has at least one pixel. The official code resizes by nearest neighbour; here, as in mmpretrain, it is
    bilinear, with an antialiasing filter.

    Args:
        law: one of the three.
        scope: (low, high), 0 < low <= high <= 1 (of tau, or of lam0 with "mmpretrain").
        alpha: > 0, with "mmpretrain" only; no effect on the others.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    law: Law = "official"
    scope: tuple[float, float] = (0.1, 0.8)
    alpha: float = 1.0

    name: ClassVar[str] = "resizemix"
    form: ClassVar[Form] = Form.RESIZE

    def __post_init__(self) -> None:
        choice("ResizeMix", "law", self.law, LAWS)
        scope = interval("ResizeMix", "scope", self.scope, above=0, at_most=1)
        object.__setattr__(self, "scope", scope)
        object.__setattr__(self, "alpha", concentration("ResizeMix", "alpha", self.alpha))

    @property
    def uses_alpha(self) -> bool:
        return self.law == "mmpretrain"

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        low, high = self.scope
        if self.law == "mmpretrain":
            side = np.sqrt(1.0 - (rng.beta(self.alpha, self.alpha, n) * (high - low) + low))
        else:
            side = rng.uniform(low, high, n)
        cut_h, cut_w = (np.maximum(cut, 1) for cut in sides(side, height, width))
        cy = below(rng, np.full(n, height))
        cx = below(rng, np.full(n, width))
        place = shifted_inside if self.law == "official" else clipped
        boxes = place(cy, cx, cut_h, cut_w, height, width)
        lam = 1.0 - area_share(boxes, height, width)
        return Draws(weights=two(lam), boxes=boxes, insets=whole(boxes))
