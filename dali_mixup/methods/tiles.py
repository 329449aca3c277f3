"""Masks made of tiles: a coarse grid of choices, and the pixels each tile covers."""

from __future__ import annotations

import numpy as np

from dali_mixup.methods.masks import Bits


def enlarged(tiles: np.ndarray, row_of: np.ndarray, column_of: np.ndarray) -> tuple[Bits, np.ndarray]:
    """n masks of H x W pixels and their exact means (n,) float64, from tiles (n, rows, columns) of 0 and 1.

    Args:
        row_of, column_of: (H,) and (W,) int, the tile that each row and column of pixels belongs to, from the first to
            the last.
    """
    rows = np.bincount(row_of, minlength=tiles.shape[1])
    columns = np.bincount(column_of, minlength=tiles.shape[2])
    lines = np.packbits(np.repeat(tiles, columns, axis=2), axis=2)
    line_of = np.broadcast_to(row_of.astype(np.int32), (len(tiles), len(row_of)))
    masks = Bits(lines, len(column_of), line_of)
    covered = np.einsum("nij,i,j->n", tiles.astype(np.int64), rows, columns)
    return masks, covered / float(len(row_of) * len(column_of))


def chosen(rng: np.random.RandomState, counts: np.ndarray, tiles: int) -> np.ndarray:
    """(n, tiles) bool with counts[i] of row i True, every choice equally likely."""
    rank = rng.random_sample((len(counts), tiles)).argsort(axis=1).argsort(axis=1)
    return rank < counts[:, None]
