"""The parts of a plan as DALI's operators take them: a function per form, one entry per row of the batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dali_mixup._decide.plan import MixPlan
from dali_mixup.methods import Bits, Contours, Form
from dali_mixup.methods.contours import as_bits, as_levels

TINY = np.float32(1e-20)
"""Stands for smaller own weights, by which others are divided: pixels up to 3e18 stay finite, and the own ones add
nothing to others of their size."""


def of_blends(
    plan: MixPlan, mean: Sequence[float], std: Sequence[float], blended: int
) -> dict[str, np.ndarray]:
    """sum_j w_j x_j = w_0 (x_0 + sum_j r_j x_j) with r_j = w_j / w_0, so the outer product with w_0 and the
    normalisation are one step: ((x_0 + sum r_j x_j) - mean / w_0) / (std / w_0)."""
    own = plan.pixel_weights[:, :1]
    own = np.where(abs(own) < TINY, TINY, own)
    made = {
        "is_blend": Form.BLEND.rows(plan.form),
        "mean": np.asarray(mean, np.float32) / own,
        "std": np.asarray(std, np.float32) / own,
    }
    for j in range(1, blended + 1):
        made[f"ratio{j}"] = plan.pixel_weights[:, j] / own[:, 0]
    return made


def regions_of(plan: MixPlan) -> np.ndarray:
    """(N, r, 7) int32, r >= 1: the regions of PASTE rows. Those of others are empty: RICAP's would move the pixels of
    rows left alone."""
    regions = plan.regions if plan.regions is not None else np.zeros((len(plan), 1, 7), np.int32)
    return np.where(Form.PASTE.rows(plan.form)[:, None, None], regions, np.int32(0))


def of_pastes(plan: MixPlan, height: int, width: int, frames: int = 1) -> dict[str, np.ndarray]:
    """The row's own image first, then its rectangles; rows of other forms paste nothing: their pixels come from another
    branch. A row of several frames is one tall image of them, with the same rectangles in each."""
    regions = _in_frames(regions_of(plan), height, frames)
    rows = np.arange(len(plan), dtype=np.int32)[:, None]
    ids = np.concatenate([rows, np.take_along_axis(plan.partners, regions[:, :, 0], 1)], axis=1)
    whole = np.zeros((len(plan), 1, 6), np.int32)
    whole[Form.PASTE.rows(plan.form) | Form.NONE.rows(plan.form), 0, 4:] = height * frames, width
    geometry = np.concatenate([whole, regions[:, :, 1:]], axis=1)
    # Empty rectangles come first, under the whole image: DALI 2.4's GPU kernel never closes one, and would copy its
    # image over everything below it or to its right.
    full = (geometry[:, :, 4:] > 0).all(2, keepdims=True)
    order = np.argsort(full, axis=1, kind="stable")
    geometry = np.take_along_axis(geometry * full, order, axis=1)
    ids = np.take_along_axis(ids, order[:, :, 0], axis=1)
    return {
        "paste_ids": ids,
        "paste_from": np.ascontiguousarray(geometry[:, :, 0:2]),
        "paste_to": np.ascontiguousarray(geometry[:, :, 2:4]),
        "paste_shape": np.ascontiguousarray(geometry[:, :, 4:6]),
    }


def _in_frames(regions: np.ndarray, height: int, frames: int) -> np.ndarray:
    """(N, r * frames, 7) regions of frames of that height on top of each other, from those of one frame."""
    if frames == 1:
        return regions
    down = np.zeros((frames, 7), np.int32)
    down[:, 1] = down[:, 3] = np.arange(frames) * height
    return (regions[:, :, None] + down).reshape(len(regions), -1, 7)


def insets_of(plan: MixPlan, count: int) -> np.ndarray:
    """(N, count, 5) int32: the insets of RESIZE rows. One that a row does not have is the one before once more, which
    changes nothing; rows of other forms have one pixel."""
    mine = Form.RESIZE.rows(plan.form)
    insets = np.zeros((len(plan), count, 5), np.int32)
    insets[:, :, 3:] = 1
    if plan.insets is not None:
        insets[mine] = 0
        insets[mine, : plan.insets.shape[1]] = plan.insets[mine]
    for t in range(1, count):
        missing = (insets[:, t, 3:] == 0).any(1)
        insets[missing, t] = insets[missing, t - 1]
    return insets


def of_gathers(plan: MixPlan, count: int, insets: int) -> dict[str, np.ndarray]:
    """The rows whose images a row needs beside its own: its partners or, of RESIZE rows, the images of its insets."""
    rows = np.repeat(np.arange(len(plan), dtype=np.int32)[:, None], count, axis=1)
    partners = plan.partners[:, 1 : count + 1]
    rows[:, : partners.shape[1]] = partners
    mine = Form.RESIZE.rows(plan.form)
    if mine.any():
        columns = insets_of(plan, insets)[mine, :, 0]
        rows[mine, :insets] = np.take_along_axis(plan.partners[mine], columns, axis=1)
    return {f"gather{j}": np.ascontiguousarray(rows[:, j - 1]) for j in range(1, count + 1)}


def of_resizes(plan: MixPlan, height: int, width: int, count: int) -> dict[str, np.ndarray]:
    """The whole own image, then every inset, which was resized to exactly its size and is placed where it belongs, on a
    canvas that begins at `resize_start` relative to it."""
    insets = insets_of(plan, count)
    whole = np.broadcast_to(np.array([0, 0, height, width], np.int32), (len(plan), 1, 4))
    placed = np.concatenate([whole, insets[:, :, 1:]], axis=1)
    made = {
        "is_resize": Form.RESIZE.rows(plan.form),
        "resize_to": np.ascontiguousarray(placed[:, :, :2]),
        "resize_shape": np.ascontiguousarray(placed[:, :, 2:]),
    }
    for t in range(1, count + 1):
        made[f"resize_size{t}"] = placed[:, t, 2:].astype(np.float32)
        made[f"resize_start{t}"] = -placed[:, t, :2]
    return made


def of_masks(plan: MixPlan, hard: bool, width: int) -> dict[str, np.ndarray | list[np.ndarray]]:
    """Each distinct mask once, at the first MASK row that has it, and one number at the others: (H, ceil(W / 8), 1)
    bits of masks that are all hard, else (H, W, 1) steps of 1 / 255, both uint8. `mask_at` is the place of a row's
    mask, counted among MASK rows, because only these reach the branch that reads it; `mask_width` the width of what is
    fed, in pixels."""
    mine = Form.MASK.rows(plan.form)
    rows = np.flatnonzero(mine)
    used, first, which = np.unique(plan.mask_of[rows], return_index=True, return_inverse=True)
    fed = [np.zeros((1, 1, 1), np.uint8)] * len(plan)
    if len(rows):
        assert plan.masks is not None
        data = hard_bits(plan).rows if hard else as_levels(plan.masks).numbers
        for mask, row in zip(used, rows[first], strict=True):
            fed[row] = data[mask][:, :, None]
    at = np.zeros(len(plan), np.int32)
    at[rows] = first[which]
    wide = np.ones((len(plan), 1), np.int32)
    wide[rows[first]] = width
    return {"is_mask": mine, "mask": fed, "mask_at": at, "mask_width": wide}


def hard_bits(plan: MixPlan) -> Bits:
    """The masks of a plan all of whose masks are hard."""
    assert isinstance(plan.masks, (Bits, Contours))
    return as_bits(plan.masks)


def of_curves(plan: MixPlan, height: int, width: int) -> dict[str, np.ndarray]:
    """The curves of `methods.Separable`, (H, 1, 1) and (1, W, 1) float32; zeros for rows of other forms."""
    mine = Form.SEPARABLE.rows(plan.form)
    down, across = (np.zeros((len(plan), 2, extent), np.float32) for extent in (height, width))
    if plan.curves is not None:
        down[mine] = plan.curves.down[plan.mask_of[mine]]
        across[mine] = plan.curves.across[plan.mask_of[mine]]
    return {
        "is_separable": mine,
        "curve_u": np.ascontiguousarray(down[:, 0, :, None, None]),
        "curve_d": np.ascontiguousarray(down[:, 1, :, None, None]),
        "curve_v": np.ascontiguousarray(across[:, 0, None, :, None]),
        "curve_a": np.ascontiguousarray(across[:, 1, None, :, None]),
    }
