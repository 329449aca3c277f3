"""MaskMix: every block of the image comes from one of the two images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import concentration, integer
from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.tiles import chosen, enlarged


@dataclass(frozen=True)
class MaskMix(Method):
    """ceil(lam0 T) of the T blocks of the image, chosen at random, are the row's own, the others the partner's.

    The masks of MixPro (Zhao et al. 2023, arXiv 2304.12043), without its attention labels. Blocks at the right and
    bottom border are cut while the block does not divide the image; lam is the exact share of own pixels, where the
    published code uses the share of own blocks.

    Args:
        alpha: > 0; lam0 ~ Beta(alpha, alpha).
        block: >= 1, side of a block in pixels. An image of one block is never mixed.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    alpha: float = 1.0
    block: int = 64

    name: ClassVar[str] = "maskmix"
    form: ClassVar[Form] = Form.MASK

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", concentration("MaskMix", "alpha", self.alpha))
        object.__setattr__(self, "block", integer("MaskMix", "block", self.block, at_least=1))

    @property
    def hard(self) -> bool:
        return True

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        row_of, column_of = np.arange(height) // self.block, np.arange(width) // self.block
        rows, columns = int(row_of[-1]) + 1, int(column_of[-1]) + 1
        counts = np.ceil(rng.beta(self.alpha, self.alpha, n) * (rows * columns)).astype(np.int64)
        own = chosen(rng, counts, rows * columns).reshape(n, rows, columns)
        masks, lam = enlarged(own, row_of, column_of)
        return Draws(weights=two(lam), masks=masks)
