"""A plan as the compiled kernels of `dali_mixup._cpu` take it, one entry per row of the batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dali_mixup._cpu.kinds import MaskKind
from dali_mixup._decide.plan import MixPlan
from dali_mixup._graph.feed_operators import hard_bits, regions_of
from dali_mixup.methods import Contours, Form, Levels

OFTEN = 2  # rows that share a mask, on average, above which it is worked out for all of them
NOTHING = np.zeros(4, np.uint8)
"""Stands for a mask that a row does not have."""


def of_kernels(
    plan: MixPlan, mean: Sequence[float], std: Sequence[float]
) -> dict[str, np.ndarray | list[np.ndarray]]:
    """Arrays of `operators.finished`: rows (N, k) int32, coefficients (N, k + 1, 3) float32, steps (N, 1 + r, 7) int32
    and masks, (bytes,) uint8 each."""
    at, masks = _masks(plan)
    head = np.zeros((len(plan), 1, 7), np.int32)
    head[:, 0, 0], head[:, 0, 1] = plan.form, int(_kind(plan))
    if isinstance(plan.masks, Contours):
        mine = Form.MASK.rows(plan.form)
        head[mine, 0, 2], head[mine, 0, 3] = plan.masks.counts[plan.mask_of[mine]], plan.masks.stride
    return {
        "rows": np.concatenate([plan.partners[:, 1:], at[:, None]], axis=1),
        "coefficients": _coefficients(plan, mean, std),
        "steps": np.concatenate([head, _regions(plan)], axis=1),
        "masks": masks,
    }


def _kind(plan: MixPlan) -> MaskKind:
    """The form in which MASK rows are fed. A grid is worked out again for every row that has it, on all threads; a mask
    that many rows share is better worked out once, here."""
    if isinstance(plan.masks, Levels):
        return MaskKind.LEVELS
    rows = np.count_nonzero(Form.MASK.rows(plan.form))
    several = isinstance(plan.masks, Contours) and rows > OFTEN * len(plan.masks)
    return MaskKind.GRID if isinstance(plan.masks, Contours) and not several else MaskKind.BITS


def _regions(plan: MixPlan) -> np.ndarray:
    """(N, r, 7) int32, r >= 1: the regions of PASTE rows, and the insets of RESIZE rows, whose sources are 0."""
    regions = regions_of(plan)
    mine = Form.RESIZE.rows(plan.form)
    if plan.insets is None or not mine.any():
        return regions
    table = np.zeros((len(plan), max(regions.shape[1], plan.insets.shape[1]), 7), np.int32)
    table[:, : regions.shape[1]] = regions
    table[np.ix_(mine, np.arange(plan.insets.shape[1]), np.array([0, 3, 4, 5, 6]))] = plan.insets[mine]
    return table


def normalising(mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """(2, C) float32: the factor and the summand of a pixel for (x - mean) / std."""
    return np.stack([1.0 / np.asarray(std), -np.asarray(mean) / np.asarray(std)]).astype(np.float32)


def _coefficients(plan: MixPlan, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """(N, k + 1, 3) of (sum_j w_j x_j - mean) / std: the factor of each image, and the summand. Rows of other forms
    than BLEND have the first factor alone, that of one image."""
    weights = np.eye(1, plan.partners.shape[1]).repeat(len(plan), axis=0)
    mine = Form.BLEND.rows(plan.form)
    weights[mine] = plan.pixel_weights[mine]
    made = np.empty((len(plan), weights.shape[1] + 1, len(std)), np.float32)
    made[:, :-1] = weights[:, :, None] / np.asarray(std)
    made[:, -1] = normalising(mean, std)[1]
    return made


def _masks(plan: MixPlan) -> tuple[np.ndarray, np.ndarray | list[np.ndarray]]:
    """((N,) int32 rows where each row's mask is, the masks): every distinct one at the first row that has it. In one
    array with a line for every row, because DALI takes it up faster than many small ones; masks of a byte per pixel are
    too large for that."""
    at, found = np.zeros(len(plan), np.int32), []
    for form in (Form.MASK, Form.SEPARABLE):
        rows = np.flatnonzero(form.rows(plan.form))
        if len(rows):
            used, first, which = np.unique(plan.mask_of[rows], return_index=True, return_inverse=True)
            at[rows] = rows[first][which]
            found.append((rows[first], [_bytes(part, used) for part in _parts(plan, form)]))
    if _kind(plan) != MaskKind.LEVELS:
        longest = max((sum(part.shape[1] for part in parts) for _, parts in found), default=0)
        table = np.zeros((len(plan), longest + -longest % 4), np.uint8)  # so that float32 are aligned
        for rows, parts in found:
            begun = 0
            for part in parts:
                table[rows, begun : begun + part.shape[1]] = part
                begun += part.shape[1]
        return at, table
    separate = [NOTHING] * len(plan)
    for rows, parts in found:
        for row, *of_row in zip(rows.tolist(), *parts, strict=True):
            separate[row] = of_row[0] if len(of_row) == 1 else np.concatenate(of_row)
    return at, separate


def _parts(plan: MixPlan, form: Form) -> tuple[np.ndarray, ...]:
    """What a kernel gets of all masks of a form, one part behind the other: as their `MaskKind` says, or the curves u,
    d, v and a."""
    if form == Form.SEPARABLE:
        assert plan.curves is not None
        return plan.curves.down, plan.curves.across
    if isinstance(plan.masks, Levels):
        return (plan.masks.numbers,)
    if isinstance(plan.masks, Contours) and _kind(plan) == MaskKind.GRID:
        return (plan.masks.heights,)
    bits = hard_bits(plan)
    n, height, _ = bits.shape
    each = np.broadcast_to(np.arange(height, dtype=np.int32), (n, height))
    return each if bits.line_of is None else bits.line_of, bits.packed


def _bytes(part: np.ndarray, used: np.ndarray) -> np.ndarray:
    """(m, bytes) uint8 of the masks `used`."""
    chosen = part if len(used) == len(part) else part[used]
    return np.ascontiguousarray(chosen).reshape(len(used), -1).view(np.uint8)
