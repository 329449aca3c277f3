"""Who is mixed with whom: index tables drawn for one batch."""

from __future__ import annotations

import numpy as np

PARTNERS = ("permutation", "derangement", "flip", "roll")
PAIRINGS = ("permutation", "derangement", "flip")
"""Partner rules that can join the rows in pairs, each the other's partner."""


def columns(rule: str, rng: np.random.RandomState, rows: int, count: int) -> np.ndarray:
    """(rows, count) partner indices in [0, rows), each column drawn on its own.

    permutation: uniform, a row may draw itself (mixup-cifar10). derangement: uniform among the permutations in which
    no row draws itself (of one row: itself). flip: i and rows - 1 - i (timm); the middle row of an odd batch draws
    itself. roll: column j takes row i - j (torchvision at j = 1).
    """
    own = np.arange(rows)
    table = np.empty((rows, count), dtype=np.int64)
    for j in range(count):
        if rule == "flip":
            table[:, j] = own[::-1]
        elif rule == "roll":
            table[:, j] = np.roll(own, j + 1)
        elif rule == "derangement":
            table[:, j] = _derangement(rng, rows)
        else:
            table[:, j] = rng.permutation(rows)
    return table


def pairs(rule: str, rng: np.random.RandomState, rows: int) -> np.ndarray:
    """(rows, 1) partner indices in which partner[partner[i]] == i: rows in pairs, uniform at random or flipped.

    The odd row of an odd batch is its own partner, so derangement and permutation mean the same here.
    """
    if rule == "flip":
        return np.arange(rows)[::-1, None].copy()
    shuffled = rng.permutation(rows)
    partner = np.arange(rows)
    first, second = shuffled[: rows // 2], shuffled[rows // 2 : rows // 2 * 2]
    partner[first], partner[second] = second, first
    return partner[:, None]


def _derangement(rng: np.random.RandomState, rows: int) -> np.ndarray:
    """Rejection from uniform permutations: e = 2.72 tries on average, whatever the number of rows."""
    own = np.arange(rows)
    if rows == 1:
        return own
    while True:
        drawn = rng.permutation(rows)
        if not (drawn == own).any():
            return drawn
