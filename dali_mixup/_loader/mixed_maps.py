"""Maps of class ids mixed as a plan mixes their images. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dali_mixup._decide.plan import MixPlan
from dali_mixup.augment.windows import nearest
from dali_mixup.methods import Form, Method

MASKED = (Form.MASK, Form.SEPARABLE)


def averaging(methods: Sequence[Method]) -> list[str]:
    """The names of the methods after which a pixel may belong to several images in part: its class is no id then."""
    return [m.name for m in methods if m.form == Form.BLEND or (m.form in MASKED and not m.hard)]


def mixed_ids(plan: MixPlan, ids: np.ndarray) -> np.ndarray:
    """(N, H, W) class ids of the N rows of a plan whose methods do not average pixels; others stay as they are.

    Args:
        ids: (R, H, W), R >= N, before mixing.
    """
    mixed = ids[: len(plan)].copy()
    for row in np.flatnonzero(plan.form == Form.PASTE).tolist():
        assert plan.regions is not None
        for column, sy, sx, ty, tx, h, w in plan.regions[row].tolist():
            mixed[row, ty : ty + h, tx : tx + w] = ids[plan.partners[row, column], sy : sy + h, sx : sx + w]
    for row in np.flatnonzero(plan.form == Form.RESIZE).tolist():
        y0, x0, y1, x1 = plan.boxes[row].tolist()
        rows, columns = (
            nearest(before, after) for before, after in zip(ids.shape[1:], (y1 - y0, x1 - x0), strict=True)
        )
        mixed[row, y0:y1, x0:x1] = ids[plan.partners[row, 1]][rows][:, columns]
    for row in np.flatnonzero(np.isin(plan.form, MASKED)).tolist():
        mask = plan.mask(row)
        if mask.dtype == np.uint8 or np.isin(mask, (0, 1)).all():
            np.copyto(mixed[row], ids[plan.partners[row, 1]], where=mask == 0)
    return mixed


def weighted_ids(plan: MixPlan, ids: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of class ids (N, H, W) and their weights (N, H, W) or (N, 1, 1) float32, which add up to 1 in every pixel:
    the own image's, mixed where no pixels are averaged, and the partners' for the others. Weights of blended rows are
    those of their labels.

    Args:
        ids: as of `mixed_ids`.
    """
    n, k = plan.partners.shape
    blended, masked = plan.form == Form.BLEND, np.flatnonzero(np.isin(plan.form, MASKED)).tolist()
    soft = {row: plan.mask(row) for row in masked}
    soft = {
        row: mask for row, mask in soft.items() if mask.dtype != np.uint8 and not np.isin(mask, (0, 1)).all()
    }
    own, mixed = np.zeros((n, k), np.float32), mixed_ids(plan, ids)
    own[:, 0] = 1
    own[blended] = plan.weights[blended]
    weights = [np.ascontiguousarray(own[:, j, None, None]) for j in range(k)]
    if soft:
        weights[:2] = [np.broadcast_to(each, ids[:n].shape).copy() for each in weights[:2]]
        for row, mask in soft.items():
            weights[0][row], weights[1][row] = mask, 1 - mask
    return [(mixed, weights[0])] + [
        (ids[plan.partners[:, j]], weights[j]) for j in range(1, k) if weights[j].any()
    ]
