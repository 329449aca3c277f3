"""The labels that partners and label weights depend on, checked: NumPy would index with too few of them, or compare
ids of another shape, without an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dali_mixup._apply.class_ids import one_per_row

if TYPE_CHECKING:
    from dali_mixup._decide.policy import MixPolicy


def known_labels(policy: MixPolicy, labels: Any, rows: int, others: np.ndarray | None) -> np.ndarray | None:
    """(n,) int64 class ids for a policy that needs them, any array of n numbers or vectors for a rule by value; None
    for other policies. n is at least `rows`; arguments as of `MixPolicy.plan`.

    Raises:
        ValueError: labels of another form, too few of them, or class ids that a row may have and the rules do not.
    """
    ids = policy.needs_ids
    if not (ids or policy.rule.by_value):
        return None
    array = _ids(np.asarray(labels)) if ids else np.asarray(labels)
    # A rule by value that reads partners beyond the batch has chosen them already.
    needed = max(rows, int(others.max()) + 1) if ids and others is not None and others.size else rows
    if array.ndim == 0 or len(array) < needed:
        raise ValueError(
            f"MixPolicy.plan: labels of shape {array.shape} for {needed} rows; expected one for every row that "
            "partners are chosen from"
        )
    if ids:
        # Beyond the batch there may be unlabelled rows, of id -1, which are nobody's partner here.
        chosen = array[:rows] if others is None else array[np.append(np.arange(rows), others)]
        _refuse_ids_outside(policy, chosen)
    return array


def _ids(array: np.ndarray) -> np.ndarray:
    """(n,) class ids from those of shape (n,) or (n, 1), which DALI's readers give."""
    if array.dtype.kind not in "iu" or not one_per_row(array.shape):
        raise ValueError(
            f"MixPolicy.plan: labels of shape {array.shape} and type {array.dtype}, but the policy chooses partners or "
            "weights by class; expected integer class ids, (rows,) or (rows, 1)"
        )
    return array.reshape(-1).astype(np.int64, copy=False)


def _refuse_ids_outside(policy: MixPolicy, ids: np.ndarray) -> None:
    least, most = int(ids.min()), int(ids.max())
    if least < 0:
        raise ValueError(f"MixPolicy.plan: labels have the class id {least}; expected ids >= 0")
    for rule in policy.by_counts:
        if rule.counts is not None and most >= len(rule.counts):
            raise ValueError(
                f"MixPolicy.plan: labels have the class id {most}, but {type(rule).__name__} has counts of "
                f"{len(rule.counts)} classes; give one count per class, such as np.bincount(labels)"
            )
