"""The pixel part of a plan by the operators of DALI's dynamic mode, the ones that `_graph.pixels` has in a graph.

The plan is known when they are called, so Python deals the rows to the forms, as views of the batch, which copy no
pixels; a form that no row has costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from nvidia.dali import types
from nvidia.dali.experimental import dynamic as ndd

from dali_mixup._decide.plan import MixPlan
from dali_mixup._graph.feed_operators import insets_of, of_blends, of_pastes, of_resizes
from dali_mixup.methods import Form, Levels
from dali_mixup.methods.masks import STEP

Batch = Any  # dynamic.Batch: DALI has no types


def mixed_and_normalised(
    images: Batch,
    plan: MixPlan,
    mean: Sequence[float],
    std: Sequence[float],
    dtype: types.DALIDataType,
    output_layout: str,
) -> Batch:
    """Mixed, normalised images (dtype, output_layout), from images (H, W, C) of one size, uint8 or float32, HWC."""
    parts = []
    for form in map(Form, np.unique(plan.form).tolist()):
        rows = np.flatnonzero(form.rows(plan.form))
        norm: dict[str, Any] = {"mean": list(mean), "std": list(std)}
        if form == Form.BLEND:
            arrays = of_blends(plan, mean, std, plan.partners.shape[1] - 1)
            norm = {name: fed(arrays[name][rows]) for name in norm}
            mixed = _blended(images, plan, rows, arrays)
        else:
            mixed = MIXED[form](images, plan, rows)
        # Each part by itself: BLEND rows have a mean and a deviation each, and others may still be uint8.
        done = ndd.crop_mirror_normalize(mixed, **norm, dtype=dtype, output_layout=output_layout)
        parts.append((rows, done))
    return _in_order(parts)


def _own(images: Batch, plan: MixPlan, rows: np.ndarray) -> Batch:
    return _view(images, rows)


def _blended(images: Batch, plan: MixPlan, rows: np.ndarray, arrays: dict[str, np.ndarray]) -> Batch:
    """x_0 + sum_j r_j x_j in float32; w_0 is folded into the normalisation (see `of_blends`)."""
    total = None
    for j in np.flatnonzero(plan.pixel_weights[rows, 1:].any(0)) + 1:
        ratios = fed(arrays[f"ratio{j}"][rows], images.device)
        term = _view(images, plan.partners[rows, j]) * ratios
        total = term if total is None else total + term
    own = _view(images, rows)
    return own if total is None else total + own


def _pasted(images: Batch, plan: MixPlan, rows: np.ndarray) -> Batch:
    """One pass over the whole batch, because `in_ids` are rows of it; in rows of other forms nothing is copied."""
    arrays = of_pastes(plan, *images.shape[0][:2])
    names = {"in_ids": "ids", "in_anchors": "from", "out_anchors": "to", "shapes": "shape"}
    pasted = ndd.multi_paste(images, **{name: fed(arrays[f"paste_{key}"]) for name, key in names.items()})
    return _view(pasted, rows)


def _resized(images: Batch, plan: MixPlan, rows: np.ndarray) -> Batch:
    """The own image, and in the rectangles whole images, shrunk to their sizes, in order."""
    assert plan.insets is not None
    height, width = images.shape[0][:2]
    count = plan.insets.shape[1]
    arrays = {name: fed(array[rows]) for name, array in of_resizes(plan, height, width, count).items()}
    columns = insets_of(plan, count)[rows, :, 0]
    # On the GPU, DALI 2.4 reads every input of multi_paste with the first one's row length, so all need one size.
    canvases = [
        ndd.slice(
            ndd.resize(
                _view(images, plan.partners[rows, columns[:, t - 1]]),
                size=arrays[f"resize_size{t}"],
                interp_type=types.DALIInterpType.INTERP_LINEAR,
                antialias=True,
            ),
            start=arrays[f"resize_start{t}"],
            shape=[height, width],
            axis_names="HW",
            out_of_bounds_policy="pad",
            fill_values=0,
        )
        for t in range(1, count + 1)
    ]
    place = arrays["resize_to"]
    return ndd.multi_paste(
        _view(images, rows), *canvases, in_anchors=place, out_anchors=place, shapes=arrays["resize_shape"]
    )


def _masked(images: Batch, plan: MixPlan, rows: np.ndarray) -> Batch:
    """mask * x_0 + (1 - mask) * x_1, where each distinct mask is taken to the images' device once."""
    used, which = np.unique(plan.mask_of[rows], return_inverse=True)
    if Form(plan.form[rows[0]]) == Form.SEPARABLE:
        assert plan.curves is not None
        down, across = plan.curves.down[used][..., None, None], plan.curves.across[used][..., None, :, None]
        curves = down[:, 0], down[:, 1], across[:, 0], across[:, 1]
        u, d, v, a = (fed(curve, images.device) for curve in curves)
        masks = d * a + u + v
    else:
        assert plan.masks is not None
        if isinstance(plan.masks, Levels):
            masks = fed(plan.masks.numbers[used][..., None], images.device) * STEP
        else:
            masks = fed(plan.masks[used][..., None], images.device)
    mask = _view(masks, which)
    one = ndd.as_tensor(np.uint8(1), device=images.device)
    return _view(images, rows) * mask + _view(images, plan.partners[rows, 1]) * (one - mask)


MIXED = {
    Form.NONE: _own,
    Form.PASTE: _pasted,
    Form.RESIZE: _resized,
    Form.MASK: _masked,
    Form.SEPARABLE: _masked,
}


def _view(batch: Batch, rows: np.ndarray) -> Batch:
    """Those samples, in that order and as often as they are named, without a copy. `Batch.select` is meant for that,
    but returns the whole batch in DALI 2.4.0."""
    return ndd.as_batch(batch.tensors[rows.tolist()].tolist())


def _in_order(parts: list[tuple[np.ndarray, Batch]]) -> Batch:
    """The samples of all parts in the order of their rows."""
    if len(parts) == 1:
        return parts[0][1]
    placed = {row: done.tensors[i] for rows, done in parts for i, row in enumerate(rows.tolist())}
    return ndd.as_batch([placed[row] for row in sorted(placed)])


def fed(array: np.ndarray, device: Any = None) -> Batch:
    """One entry per row as a batch, on the CPU or on that device; DALI refuses strided data."""
    return ndd.as_batch(np.ascontiguousarray(array), device=device)
