"""Cut-Thumbnail: a thumbnail of the partner, always of one size, pasted at a random place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import number
from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.boxes import area_share, below, sides, whole


@dataclass(frozen=True)
class CutThumbnail(Method):
    """The partner resized to size H x size W and pasted at any place inside with equal probability; labels by area.

    Xie et al. 2021 (arXiv 2103.05342), the mixed single thumbnail (MST), in the form of the authors' code,
    TianshuXie/Cut-Thumbnail: thumbnails of 112 of 224 pixels, so lam = 3/4, for 80% of the batches (`prob=0.8` of the
    policy). The authors' code has a label weight of its own, which is the area's by default. It resizes by nearest
    neighbour; here it is bilinear, with an antialiasing filter. Every thumbnail has at least one pixel. Of a line of
    pixels, such as sound, it is `size` of the length.

    Args:
        size: in (0, 1], the thumbnail's sides as a share of the image's. Raises TypeError or ValueError otherwise.
    """

    size: float = 0.5

    name: ClassVar[str] = "cutthumbnail"
    form: ClassVar[Form] = Form.RESIZE

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", number("CutThumbnail", "size", self.size, above=0, at_most=1))

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        h, w = (np.maximum(side, 1) for side in sides(np.full(n, self.size), height, width))
        y, x = below(rng, height - h + 1), below(rng, width - w + 1)
        boxes = np.stack([y, x, y + h, x + w], axis=1)
        return Draws(weights=two(1.0 - area_share(boxes, height, width)), boxes=boxes, insets=whole(boxes))
