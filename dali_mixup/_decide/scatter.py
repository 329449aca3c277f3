"""Writing the draws of methods into the rows that follow them: from decisions to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dali_mixup._decide.plan import MixPlan
from dali_mixup.methods import Bits, Contours, Draws, Form, Levels, Method, Separable
from dali_mixup.methods.base import two
from dali_mixup.methods.contours import as_bits, as_levels

ROUNDED = 1e-6  # by which a mean in float32 may be off


def common_fields(methods: Sequence[Method], size: tuple[int, int] | None, **labels: Any) -> dict[str, Any]:
    """The fields that all plans of a policy share, by name; `labels` are label_smoothing and label_mixing."""
    return {
        "size": size,
        "forms": frozenset(method.form for method in methods),
        "averages": any(method.averages for method in methods),
        "extrapolates": frozenset().union(*(method.extrapolates for method in methods)),
        **labels,
    }


def alone(rows: int, k: int, regime: str, **common: Any) -> MixPlan:
    """Every row alone: the partner is the row itself, weights 1, 0, ...; `common` are fields that do not depend on
    rows, see `common_fields`."""
    weights = np.zeros((rows, k), dtype=np.float32)
    weights[:, 0] = 1
    return MixPlan(
        partners=np.repeat(np.arange(rows, dtype=np.int32)[:, None], k, axis=1),
        weights=weights,
        pixel_weights=weights.copy(),
        boxes=np.zeros((rows, 4), dtype=np.int32),
        method=np.full(rows, -1, dtype=np.int32),
        form=np.full(rows, int(Form.NONE), dtype=np.int32),
        mask_of=np.full(rows, -1, dtype=np.int32),
        regime=regime,
        **common,
    )


Rows = np.ndarray | slice


def with_draws(
    plan: MixPlan,
    method: Method,
    index: int,
    draws: Draws,
    followed: tuple[Rows, Rows],
) -> MixPlan:
    """The plan with a method's draws written into its rows; `followed` is (rows, the draw that each follows)."""
    draws = _compact(method, draws)
    rows, source = followed
    k = draws.weights.shape[1]
    plan.weights[rows, :k] = draws.weights[source]
    plan.pixel_weights[rows, :k] = (draws.weights if draws.pixel_weights is None else draws.pixel_weights)[
        source
    ]
    if draws.boxes is not None:
        plan.boxes[rows] = draws.boxes[source]
    plan.method[rows] = index
    plan.form[rows] = int(method.form)
    fields = dict(plan.__dict__)
    for name, drawn in (("regions", draws.regions), ("insets", draws.insets)):
        if drawn is not None:
            fields[name] = _padded(fields[name], drawn[source], rows, len(plan))
    if draws.masks is not None:
        field = "curves" if method.form == Form.SEPARABLE else "masks"
        known, masks = fields[field], draws.masks
        before = 0 if known is None else len(known)
        plan.mask_of[rows] = (before + np.arange(len(masks)))[source]
        fields[field] = masks if known is None else _joined(known, masks)
    return MixPlan(**fields)


def _compact(method: Method, draws: Draws) -> Draws:
    """The draws, with masks that are arrays as bits or, rounded, as levels. Rounding changes the weights of the pixels
    as much as the mask's mean."""
    masks = draws.masks
    if not isinstance(masks, np.ndarray):
        return draws
    if method.hard:
        return replace(draws, masks=Bits.of(masks))
    levels = Levels.of(masks)
    field = "weights" if draws.pixel_weights is None else "pixel_weights"
    wrong = getattr(draws, field)[:, 0] - masks.mean((1, 2), dtype=np.float64)
    wrong[abs(wrong) < ROUNDED] = 0  # what else is wrong stays, for the check of plans to find
    return replace(draws, masks=levels, **{field: two(levels.means + wrong)})


def _joined(first: Any, second: Any) -> Any:
    """The masks of both, one after the other: in their form if both have the same, as bits if both are hard, else as
    levels."""
    if isinstance(first, Separable):
        return Separable(
            np.concatenate([first.down, second.down]), np.concatenate([first.across, second.across])
        )
    if isinstance(first, Levels) or isinstance(second, Levels):
        return Levels(np.concatenate([as_levels(first).numbers, as_levels(second).numbers]))
    if isinstance(first, Contours) and isinstance(second, Contours) and first.stride == second.stride:
        heights = np.concatenate([first.heights, second.heights])
        return replace(first, heights=heights, counts=np.concatenate([first.counts, second.counts]))
    return Bits(np.concatenate([as_bits(first).rows, as_bits(second).rows]), as_bits(first).width)


def _padded(known: np.ndarray | None, drawn: np.ndarray, rows: Rows, n: int) -> np.ndarray:
    """Pad to the number of rectangles of the method with the most; the padding is empty (height and width 0)."""
    have = 0 if known is None else known.shape[1]
    table = np.zeros((n, max(have, drawn.shape[1]), drawn.shape[2]), dtype=np.int32)
    if known is not None:
        table[:, :have] = known
    table[rows, : drawn.shape[1]] = drawn
    return table


def settle(plan: MixPlan) -> MixPlan:
    """Leave alone the rows in which no other sample has a share; columns without a share refer to the row itself."""
    own = np.arange(len(plan), dtype=np.int32)[:, None]
    unused = (plan.weights == 0) & (plan.pixel_weights == 0)
    np.copyto(plan.partners, own, where=unused)
    by_itself = (plan.partners == own).all(1) & (plan.method >= 0)
    if by_itself.any():
        plan.weights[by_itself] = plan.pixel_weights[by_itself] = np.eye(
            1, plan.weights.shape[1], dtype=np.float32
        )
        plan.boxes[by_itself] = 0
        plan.method[by_itself] = -1
        plan.form[by_itself] = int(Form.NONE)
        plan.mask_of[by_itself] = -1
    return plan


def extended(plan: MixPlan, rows: int, first: int = 0) -> MixPlan:
    """The plan of a larger batch whose other rows are left alone; those behind the plan's may be partners.

    Args:
        first: the row at which the plan's begin.
    """
    if rows == len(plan):
        return plan
    n, k = plan.partners.shape
    more, mine = alone(rows, k, plan.regime), slice(first, first + n)
    more.partners[mine] = plan.partners + first
    for name in ("weights", "pixel_weights", "boxes", "method", "form", "mask_of"):
        getattr(more, name)[mine] = getattr(plan, name)
    fields = dict(more.__dict__)
    for name in ("regions", "insets"):
        known = getattr(plan, name)
        if known is not None:
            fields[name] = _padded(None, known, mine, rows)
    shared = ("size", "forms", "averages", "extrapolates", "label_smoothing", "label_mixing")
    for name in ("masks", "curves", *shared):
        fields[name] = getattr(plan, name)
    return MixPlan(**fields)
