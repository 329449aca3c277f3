"""From the decisions of a method for segmentation to the masks of the rows that follow them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dali_mixup._decide.drawn import refuse_masks
from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.scatter import Rows
from dali_mixup.methods import Bits, Draws, MapMethod, Method
from dali_mixup.methods.base import two


def draws_on_maps(
    method: MapMethod, decided: np.ndarray, plan: MixPlan, followed: tuple[Rows, Rows], maps: np.ndarray
) -> tuple[Draws, tuple[Rows, Rows]]:
    """One draw per row, and the rows that follow them one by one.

    Args:
        decided: the method's decisions; `followed` is (rows, the decision that each follows).
        plan: has the partners.
        maps: (R, H, W) uint8 class ids of all rows.
    """
    rows, source = followed
    partners = plan.partners[rows, 1]
    each = decided[source]
    masks = method.masks(np.broadcast_to(each, (len(partners), *each.shape[1:])), maps[partners])
    refuse_masks(method, masks, (len(partners), *maps.shape[1:]))
    return Draws(weights=two(masks.mean((1, 2), dtype=np.float64)), masks=Bits.of(masks)), (rows, slice(None))


def refuse_maps(methods: Sequence[Method], maps: Any, rows: int, size: tuple[int, int] | None) -> None:
    """Raise TypeError or ValueError for maps that are missing or do not fit the batch, if a method needs them."""
    needing = [method.name for method in methods if isinstance(method, MapMethod)]
    if not needing:
        return
    expected = (
        f"expected (rows, {size[0] if size else 'H'}, {size[1] if size else 'W'}) uint8 class ids per pixel"
    )
    if maps is None:
        raise ValueError(
            f"MixPolicy.plan: {', '.join(needing)} needs maps, {expected}; the loaders give those of images with "
            "masks: train_loader(open_source(images, masks=...))"
        )
    if not isinstance(maps, np.ndarray) or maps.dtype != np.uint8:
        raise TypeError(f"MixPolicy.plan: maps is {getattr(maps, 'dtype', type(maps).__name__)}, {expected}")
    if maps.ndim != 3 or len(maps) < rows or maps.shape[1:] != size:
        raise ValueError(f"MixPolicy.plan: maps of shape {maps.shape}, {expected}, at least {rows} rows")
