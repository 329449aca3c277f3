"""TokenMix: the partner takes some of the tokens of a vision transformer's grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np

from dali_mixup._checks import choice, concentration, integer, number
from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.tiles import chosen, enlarged

ASPECT = 0.3  # rectangles of tokens have height / width in [0.3, 1 / 0.3]
MOST_TOKENS = 4096
TRIES = 10  # attempts at placing a rectangle before the mask stays as it is

ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1, dtype=np.int64)
"""(256,) int64: the number of 1 bits in a byte."""


@dataclass(frozen=True)
class TokenMix(Method):
    """min(T, floor((1 - lam0) T) + minimum) of the T tokens are the partner's, in rectangles or scattered.

    The masks of Liu et al. 2022 (arXiv 2207.08409), as in the authors' code: lam0 fixed at 1/2, and rectangles of
    random area and shape put down until the count is reached. The paper weights labels by a teacher's attention;
    without a network, lam is the exact share of own pixels.

    Args:
        lam: in [0, 1], or None: lam0 ~ Beta(alpha, alpha), as OpenMixup does.
        alpha: > 0; no effect unless lam is None.
        tokens: (rows, columns) of the grid, 1 to 4096 each, stretched over an image of any size.
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
        tokens = tuple(
            integer("TokenMix", f"tokens[{i}]", t, at_least=1, at_most=MOST_TOKENS)
            for i, t in enumerate(self.tokens)
        )
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(
            self, "minimum", integer("TokenMix", "minimum", self.minimum, at_least=0, at_most=MOST_TOKENS**2)
        )
        choice("TokenMix", "shape", self.shape, ("block", "random"))

    @property
    def uses_alpha(self) -> bool:
        return self.lam is None

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
            partner = rectangles(rng, counts, rows, columns)
        row_of, column_of = np.arange(height) * rows // height, np.arange(width) * columns // width
        masks, own = enlarged(~partner, row_of, column_of)
        return Draws(weights=two(own), masks=masks)


def rectangles(rng: np.random.RandomState, counts: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """(n, rows, columns) bool with at most counts[i] True in the i-th: a union of rectangles, none of which takes more
    new tokens than are still missing. Fewer than counts[i] if `TRIES` attempts in a row found no place for one."""
    # All masks at once, one attempt of each after the other; eight tokens of a line are a byte, as NumPy packs them.
    wide = -(-columns // 8)
    masks = np.zeros((len(counts), rows * wide), np.uint8)
    missing, failed = counts.copy(), np.zeros(len(counts), np.int64)
    while (open_ := np.flatnonzero((missing > 0) & (failed < TRIES))).size:
        top, left, h, w = _rectangles(rng, missing[open_], rows, columns)
        tokens = _tokens(rows, columns, top, left, h, w)
        new = h * w - ONES.take(masks[open_] & tokens).sum(1)
        placed = (new > 0) & (new <= missing[open_])
        failed[open_] = (failed[open_] + 1) * ~placed
        hit = open_[placed]
        masks[hit] |= tokens[placed]
        missing[hit] -= new[placed]
    return np.unpackbits(masks.reshape(-1, rows, wide), axis=2, count=columns).astype(bool)


def _rectangles(
    rng: np.random.RandomState, most: np.ndarray, rows: int, columns: int
) -> tuple[np.ndarray, ...]:
    """(n,) int64 each: top, left, height and width of a rectangle for every mask; empty if the one drawn does not fit
    in the grid.

    Args:
        most: (n,) the largest areas.
    """
    area, log_aspect, down, across = rng.random_sample((len(most), 4)).T
    area = 1.0 + area * (most - 1)
    aspect = np.exp(math.log(ASPECT) * (1.0 - 2.0 * log_aspect))
    h, w = np.rint(np.sqrt(area * aspect)), np.rint(np.sqrt(area / aspect))
    fits = (h < rows) & (w < columns)
    h, w = h * fits, w * fits
    places = down * (rows + 1 - h), across * (columns + 1 - w)
    top, left, h, w = (each.astype(np.int64) for each in (*places, h, w))
    return top, left, h, w


@lru_cache(maxsize=4)
def _before(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each place from 0 to the end, which rows, (rows + 1, rows) of 0 and 255, and which tokens of a line, as bits,
    come before it."""
    above = np.tri(rows + 1, rows, -1, dtype=np.uint8) * np.uint8(255)
    return above, np.packbits(np.tri(columns + 1, columns, -1, dtype=np.uint8), axis=1)


def _tokens(rows: int, columns: int, top: Any, left: Any, h: Any, w: Any) -> np.ndarray:
    """(n, bytes): the tokens of rectangles, line after line, eight to a byte."""
    above, before = _before(rows, columns)
    down = above.take(top + h, axis=0) & ~above.take(top, axis=0)
    across = before.take(left + w, axis=0) & ~before.take(left, axis=0)
    return np.repeat(down, across.shape[1], axis=1) & np.tile(across, (1, rows))
