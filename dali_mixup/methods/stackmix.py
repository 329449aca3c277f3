"""StackMix: two whole images, one above the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.boxes import area_share, whole


@dataclass(frozen=True)
class StackMix(Method):
    """The own image above the partner's, both made half as high; labels by the share of pixels, 1/2 each.

    Chen et al. 2020 (arXiv 2011.12618): "each input is presented as a concatenation of two images, and the label is the
    mean of the two one-hot labels". Here the concatenation is resized to the size of one image, so that a batch keeps
    its shape and can have rows of other methods; a network meets images of their full height only in rows left alone,
    so give the policy `prob` < 1 or other methods. Of an odd height the own image has the row of pixels in the middle,
    and as much more of the label. Lines of pixels, such as sound, are put one after the other.
    """

    name: ClassVar[str] = "stackmix"
    form: ClassVar[Form] = Form.RESIZE

    @property
    def inset_count(self) -> int:
        return 2

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        # The own image ends, and the partner's begins, at this pixel.
        y, x = (height - height // 2, 0) if height > 1 else (0, width - width // 2)
        boxes = np.tile([y, x, height, width], (n, 1))
        own = np.tile([0, 0, y or height, x or width], (n, 1))
        insets = np.concatenate([whole(own, column=0), whole(boxes)], axis=1)
        return Draws(weights=two(1.0 - area_share(boxes, height, width)), boxes=boxes, insets=insets)
