"""Who is mixed with whom: index tables drawn for one batch."""

from __future__ import annotations

import numpy as np

PARTNERS = ("permutation", "derangement", "flip", "roll", "same_class", "other_class", "pool", "neighbours")
PAIRINGS = ("permutation", "derangement", "flip")
"""Partner rules that can join the rows in pairs, each the other's partner."""
BY_LABEL = ("same_class", "other_class")
"""Rules that look at class ids, so these must be known before the images are decoded."""
FROM_LOADER = ("pool", "neighbours")
"""Rules whose partners are not all rows of the batch: a loader reads and decodes them as well."""


def columns(
    rule: str,
    rng: np.random.RandomState,
    rows: int,
    count: int,
    labels: np.ndarray | None = None,
    pool: int | None = None,
) -> np.ndarray:
    """(rows, count) partner indices in [0, rows), each column drawn on its own.

    permutation: uniform, a row may draw itself (mixup-cifar10). derangement: uniform among the permutations in which
    no row draws itself (of one row: itself). flip: i and rows - 1 - i (timm); the middle row of an odd batch draws
    itself. roll: column j takes row i - j (torchvision at j = 1). same_class, other_class: uniform among the other
    rows with the same `labels` (rows,), or with another; a row that has none draws itself. pool: a permutation of
    `pool` >= rows rows, of which the first `rows` are the batch's, so indices are in [0, pool) (MixMatch).
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
        elif rule in BY_LABEL:
            assert labels is not None
            table[:, j] = _by_label(rng, labels, same=rule == "same_class")
        elif rule == "pool":
            table[:, j] = rng.permutation(pool or rows)[:rows]
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


def _by_label(rng: np.random.RandomState, labels: np.ndarray, same: bool) -> np.ndarray:
    """One uniform draw a row among the rows of its own class but itself, or among those of all other classes."""
    rows = len(labels)
    by_class = np.argsort(labels, kind="stable")
    _, start, group, size = np.unique(
        labels[by_class], return_index=True, return_inverse=True, return_counts=True
    )
    first, members = (
        start[group.reshape(rows)],
        size[group.reshape(rows)],
    )  # of each row's class, in sorted order
    others = members - 1 if same else rows - members
    drawn = np.minimum((rng.random_sample(rows) * others).astype(np.int64), others - 1)
    place = np.arange(rows)
    nth_after_itself = first + (place - first + 1 + drawn) % members  # around its class
    nth_outside = np.where(drawn < first, drawn, drawn + members)  # of the rows without its class
    chosen = np.where(others > 0, nth_after_itself if same else nth_outside, place)
    partner = np.empty(rows, dtype=np.int64)
    partner[by_class] = by_class[chosen]
    return partner
