"""Between-Class learning: two sounds mixed so that they are heard in the ratio of their labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from dali_mixup._apply.inputs import check_others, check_partners
from dali_mixup._decide.plan import MixPlan
from dali_mixup.methods import Form

OWNER = "between_class"


def between_class(plan: MixPlan, sounds: Any, gains: Any, *, others: Any = None) -> Any:
    """Mix raw sounds by a plan, the louder one turned down, as in Between-Class learning.

    x~ = (p x_i + (1 - p) x_j) / sqrt(p^2 + (1 - p)^2) with p = 1 / (1 + 10^((G_i - G_j) / 20) (1 - r) / r): G are the
    sounds' gains in decibels and r the plan's weight of the own one. Tokozume et al. 2018, "Learning from Between-class
    Examples for Deep Sound Recognition" (arXiv 1711.10282), in the form of the authors' code,
    mil-tokyo/bc_learning_sound. The division keeps the power of sounds that are equally loud and not correlated.
    Labels keep the plan's weights: `plan.targets`.

    The paper mixes sounds of different classes with r ~ U(0, 1), each row with its own:
    `MixPolicy(MixUp(1.0), granularity="sample", partners="other_class")`.

    Args:
        plan: of two sounds per row, made by `MixUp`.
        sounds: (N, ...) array or tensor, raw sound of one length, with any number of channels.
        gains: (N,) decibels as `gain` gives them; with `others` (N + M,), theirs last.
        others: (M, ...) sounds beyond the batch that the plan has partners from, as in `plan.apply`; None: none.

    Returns:
        The mixed sounds, as `plan.apply` returns them. Rows that the plan leaves alone are unchanged.

    Raises:
        TypeError, ValueError: no plan or one of another kind, another number of gains, gains that are not finite real
            numbers, or what `plan.apply` refuses.
    """
    if not isinstance(plan, MixPlan):
        raise TypeError(
            f"{OWNER}: plan={plan!r:.200}, expected a MixPlan of MixUp(...); MixPolicy.plan(rows, seed=, epoch=, "
            "step=) makes one for each batch"
        )
    if plan.partners.shape[1] != 2 or plan.forms - {Form.NONE, Form.BLEND}:
        forms = " and ".join(sorted(form.name for form in plan.forms))
        raise ValueError(
            f"{OWNER}: the plan has {plan.partners.shape[1]} sounds per row, mixed as {forms}; the formula is for "
            "blends of two, expected a plan of MixUp(...)"
        )
    if plan.extrapolates:
        raise ValueError(
            f"{OWNER}: the plan extrapolates, and a sound cannot have a negative share of what is heard; expected a "
            "plan of MixUp with extrapolate=0"
        )
    if isinstance(sounds, (np.ndarray, Tensor)):
        check_others(sounds, others, np.ndarray if isinstance(sounds, np.ndarray) else Tensor)
    levels = _levels(gains, len(plan) + (0 if others is None else sum(np.shape(others)[:1])))
    check_partners(OWNER, plan, None if others is None else len(others))
    own, other = levels[plan.partners].T
    r = plan.pixel_weights[:, 0].astype(np.float64)
    # Further apart than float64 has powers of ten, one of them is not heard.
    p = r / (r + 10 ** np.clip(own / 20 - other / 20, -300, 300) * (1 - r))
    weights = np.stack([p, 1 - p], axis=1).astype(np.float32)
    mixed = replace(plan, pixel_weights=weights).apply(sounds, others=others)
    scale = (1 / np.sqrt(p**2 + (1 - p) ** 2)).reshape(-1, *[1] * (mixed.ndim - 1))
    if isinstance(mixed, np.ndarray):
        return mixed * scale.astype(mixed.dtype)
    return mixed * mixed.new_tensor(scale)


def _levels(gains: Any, expected: int) -> np.ndarray:
    """(expected,) float64."""
    if isinstance(gains, Tensor):
        gains = gains.detach().cpu()
        gains = gains.double() if gains.is_floating_point() else gains  # NumPy has no bfloat16
    try:
        levels = np.asarray(gains)
        if levels.dtype.kind not in "iuf":
            raise TypeError(f"they are {levels.dtype}")
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{OWNER}: gains={gains!r:.200}, expected ({expected},) decibels as real numbers, as gain(...) gives them "
            f"({error})"
        ) from error
    levels = levels.astype(np.float64)
    if levels.shape != (expected,):
        raise ValueError(f"{OWNER}: gains has shape {levels.shape}, expected ({expected},), one per sound")
    if not np.isfinite(levels).all():
        row = int(np.flatnonzero(~np.isfinite(levels))[0])
        raise ValueError(f"{OWNER}: gains[{row}] is {levels[row]}, expected finite decibels")
    return levels
