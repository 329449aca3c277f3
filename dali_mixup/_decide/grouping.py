"""The rows that share a decision, by granularity."""

from __future__ import annotations

import numpy as np

from dali_mixup._decide.scatter import Rows


def groups(granularity: str, partner: np.ndarray) -> tuple[np.ndarray, int]:
    """((rows,) index of the decision that each row follows, number of decisions).

    Args:
        granularity: "batch", "pair" or "sample".
        partner: (rows, k) partner rows; for pairs, the first column is the other row of the pair.
    """
    rows = len(partner)
    if granularity == "batch":
        return np.zeros(rows, dtype=np.int64), 1
    if granularity == "sample":
        return np.arange(rows), rows
    own = np.arange(rows)
    leads = own <= partner[:, 0]  # the first row of each pair, which decides for both
    return (np.cumsum(leads) - 1)[np.minimum(own, partner[:, 0])], int(leads.sum())


def followed(granularity: str, mine: np.ndarray, group: np.ndarray) -> tuple[Rows, Rows]:
    """The rows that follow the decisions `mine`, and the decision that each of them follows."""
    if granularity == "batch":
        return slice(None), slice(0, 1)  # one decision, broadcast
    if granularity == "sample":
        return mine, slice(None)
    rows = np.flatnonzero(np.isin(group, mine))
    return rows, np.searchsorted(mine, group[rows])
