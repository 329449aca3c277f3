"""Maps of class ids mixed as a plan mixes their images: ids are copied, never averaged. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dali_mixup._decide.plan import MixPlan
from dali_mixup.augment.windows import nearest
from dali_mixup.methods import Form, Method


def averaging(methods: Sequence[Method]) -> list[str]:
    """The names of the methods after which a pixel may belong to several images in part, and so to no one class."""
    return [method.name for method in methods if method.averages]


def mixed_ids(plan: MixPlan, ids: np.ndarray) -> np.ndarray:
    """(N, H, W) class ids of the N rows of a plan. Rows whose pixels are averaged stay as they are.

    Args:
        ids: (R, H, W), R >= N, before mixing.
    """
    n, resized = len(plan), Form.RESIZE.rows(plan.form)
    apart = resized.copy()
    apart[Form.BLEND.rows(plan.form)] = True
    apart[list(_soft_masks(plan))] = True
    form = np.where(apart, np.int32(int(Form.NONE)), plan.form)
    copying = replace(plan, form=form, averages=False)
    mixed: np.ndarray = copying.apply(ids[:n], axes=(1, 2), others=ids[n:] if len(ids) > n else None)
    for row in np.flatnonzero(resized).tolist():
        assert plan.insets is not None
        for column, y, x, height, width in plan.insets[row].tolist():
            if height and width:
                rows, columns = nearest(ids.shape[1], height), nearest(ids.shape[2], width)
                mixed[row, y : y + height, x : x + width] = ids[plan.partners[row, column]][rows][:, columns]
    return mixed


def weighted_ids(plan: MixPlan, ids: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of class ids (N, H, W) and their weights (N, H, W) or (N, 1, 1) float32, which add up to 1 in every pixel.
    Weights of blended rows are those of their labels.

    Args:
        ids: as of `mixed_ids`.
    """
    n, k = plan.partners.shape
    shares, blended = np.zeros((n, k), np.float32), Form.BLEND.rows(plan.form)
    shares[:, 0] = 1
    shares[blended] = plan.weights[blended]
    weights = [shares[:, j, None, None].copy() for j in range(k)]
    soft = _soft_masks(plan)
    if soft:
        weights[:2] = [np.broadcast_to(each, ids[:n].shape).copy() for each in weights[:2]]
        for row, mask in soft.items():
            weights[0][row], weights[1][row] = mask, 1 - mask
    partners = [(ids[plan.partners[:, j]], weights[j]) for j in range(1, k) if weights[j].any()]
    return [(mixed_ids(plan, ids), weights[0]), *partners]


def _soft_masks(plan: MixPlan) -> dict[int, np.ndarray]:
    """The masks that average pixels, by row."""
    rows = np.flatnonzero(Form.MASK.rows(plan.form) | Form.SEPARABLE.rows(plan.form)).tolist()
    masks = {row: plan.mask(row) for row in rows}
    return {
        row: mask for row, mask in masks.items() if mask.dtype != np.uint8 and ((mask > 0) & (mask < 1)).any()
    }
