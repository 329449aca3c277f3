"""DCutMix: CutMix of k images, each pasted into the box of the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import concentration, integer
from dali_mixup.methods.base import MOST_IMAGES, Draws, Form, Method
from dali_mixup.methods.boxes import area_share, below, same_place


@dataclass(frozen=True)
class DCutMix(Method):
    """k images in boxes inside one another; labels weighted by the exact share of pixels that each still shows.

    Jeong et al. 2021 (arXiv 2110.04248), in the form of the authors' code, clovaai/DCutMix: shares
    phi ~ Dirichlet(alpha, ..., alpha) by stick-breaking. Of the box of image j - 1, which for j = 1 is the whole image,
    image j covers the share 1 - v, v = phi_{j-1} / (1 - phi_0 - ... - phi_{j-2}), by a box of sides
    round(sqrt(1 - v) h) and round(sqrt(1 - v) w), at any place inside with equal probability. So nothing is clipped,
    and of k = 2 images lam is Beta(alpha, alpha) up to whole pixels, unlike CutMix's. Of a line of pixels, such as
    sound, boxes are 1 - v of the length.

    Args:
        alpha: > 0. The authors' code has 1 as default; their best results are with 1 / k and with 1.
        k: >= 2 images per row, the row's own, which is the outermost, included.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    alpha: float = 1.0
    k: int = 5

    name: ClassVar[str] = "dcutmix"
    form: ClassVar[Form] = Form.PASTE

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", concentration("DCutMix", "alpha", self.alpha))
        object.__setattr__(self, "k", integer("DCutMix", "k", self.k, at_least=2, at_most=MOST_IMAGES))

    @property
    def columns(self) -> int:
        return self.k

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        power = 0.5 if height > 1 and width > 1 else 1.0
        box = np.tile([0, 0, height, width], (n, 1))
        boxes = []
        for j in range(1, self.k):
            ratio = (1.0 - rng.beta(self.alpha, self.alpha * (self.k - j), n)) ** power
            y0, x0, y1, x1 = box.T
            h, w = (np.rint(ratio * extent).astype(np.int64) for extent in (y1 - y0, x1 - x0))
            # Across a line of pixels there is no share to take.
            h, w = h if height > 1 else y1 - y0, w if width > 1 else x1 - x0
            y0, x0 = y0 + below(rng, y1 - y0 - h + 1), x0 + below(rng, x1 - x0 - w + 1)
            box = np.stack([y0, x0, y0 + h, x0 + w], axis=1)
            boxes.append(box)
        covered = np.stack([np.ones(n), *(area_share(box, height, width) for box in boxes)], axis=1)
        regions = np.concatenate([same_place(box) for box in boxes], axis=1)
        regions[:, :, 0] = np.arange(1, self.k)
        weights = covered - np.append(covered[:, 1:], np.zeros((n, 1)), axis=1)
        return Draws(weights=weights, boxes=boxes[0], regions=regions)
