"""TokenMix: the partner takes some of the tokens of a vision transformer's grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np

from dali_mixup._checks import choice, concentration, integer, number
from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.tiles import chosen, enlarged

ASPECT = 0.3  # rectangles of tokens have height / width in [0.3, 1 / 0.3]
TRIES = 10  # attempts at placing a rectangle before the mask stays as it is


@dataclass(frozen=True)
class TokenMix(Method):
    """min(T, floor((1 - lam0) T) + minimum) of the T tokens are the partner's, in rectangles or scattered.

    The masks of Liu et al. 2022 (arXiv 2207.08409), as in the authors' code: lam0 fixed at 1/2, and rectangles of
    random area and shape put down until the count is reached. The paper weights labels by a teacher's attention;
    without a network, lam is the exact share of own pixels. Rectangles are placed one by one, for every mask.

    Args:
        lam: in [0, 1], or None: lam0 ~ Beta(alpha, alpha), as OpenMixup does.
        alpha: > 0; no effect unless lam is None.
        tokens: (rows, columns) >= 1 of the grid, stretched over an image of any size.
        minimum: >= 0, minimum number of the partner's tokens.
        shape: "block", unions of rectangles, or "random", single tokens.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    lam: float | None = 0.5
    alpha: float = 1.0
    tokens: tuple[int, int] = (14, 14)
    minimum: int = 14
    shape: Literal["block", "random"] = "block"

    name: ClassVar[str] = "tokenmix"
    form: ClassVar[Form] = Form.MASK

    def __post_init__(self) -> None:
        if self.lam is not None:
            object.__setattr__(self, "lam", number("TokenMix", "lam", self.lam, at_least=0, at_most=1))
        object.__setattr__(self, "alpha", concentration("TokenMix", "alpha", self.alpha))
        if not isinstance(self.tokens, (tuple, list)) or len(self.tokens) != 2:
            raise ValueError(f"TokenMix: tokens={self.tokens!r}, expected two integers (rows, columns)")
        tokens = tuple(integer("TokenMix", f"tokens[{i}]", t, at_least=1) for i, t in enumerate(self.tokens))
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "minimum", integer("TokenMix", "minimum", self.minimum, at_least=0))
        choice("TokenMix", "shape", self.shape, ("block", "random"))

    @property
    def hard(self) -> bool:
        return True

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        rows, columns = self.tokens
        total = rows * columns
        lam = np.full(n, self.lam) if self.lam is not None else rng.beta(self.alpha, self.alpha, n)
        counts = np.minimum(np.floor((1.0 - lam) * total).astype(np.int64) + self.minimum, total)
        if self.shape == "random":
            partner = chosen(rng, counts, total).reshape(n, rows, columns)
        else:
            partner = np.stack([rectangles(rng, int(count), rows, columns) for count in counts])
        row_of, column_of = np.arange(height) * rows // height, np.arange(width) * columns // width
        masks, own = enlarged(~partner, row_of, column_of)
        return Draws(weights=two(own), masks=masks)


def rectangles(rng: np.random.RandomState, count: int, rows: int, columns: int) -> np.ndarray:
    """(rows, columns) bool with at most `count` True: a union of rectangles, none of which takes more new tokens than
    are still missing. Fewer than `count` if `TRIES` attempts in a row found no place for one."""
    # One bit per token: for grids so small, Python's integers are several times as fast as arrays.
    mask, missing, below = 0, count, _first_column(rows, columns)
    while missing > 0:
        for _ in range(TRIES):
            top, left, h, w = _rectangle(rng, missing, rows, columns)
            tokens = ((1 << w) - 1) * below[h] << columns * top + left
            new = h * w - (mask & tokens).bit_count()
            if 0 < new <= missing:
                mask |= tokens
                missing -= new
                break
        else:
            break
    packed = np.frombuffer(mask.to_bytes(-(-rows * columns // 8), "little"), np.uint8)
    return np.unpackbits(packed, count=rows * columns, bitorder="little").reshape(rows, columns).astype(bool)


@lru_cache(maxsize=64)
def _first_column(rows: int, columns: int) -> list[int]:
    """The bits of the first token of each of the first h rows, by h."""
    return [sum(1 << columns * row for row in range(h)) for h in range(rows + 1)]


def _rectangle(rng: np.random.RandomState, most: int, rows: int, columns: int) -> tuple[int, int, int, int]:
    """(top, left, height, width); height 0 if the rectangle drawn does not fit in the grid."""
    area, log_aspect, down, across = rng.random_sample(4).tolist()
    area = 1.0 + area * (most - 1)
    aspect = math.exp(math.log(ASPECT) * (1.0 - 2.0 * log_aspect))
    h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
    if h >= rows or w >= columns:
        return 0, 0, 0, 0
    return int(down * (rows - h + 1)), int(across * (columns - w + 1)), h, w
