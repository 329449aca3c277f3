"""Carrying out a plan on arrays and tensors: row by row with NumPy, or all rows at once with torch.

`arrays` is the reference of what a plan means; the tests hold every other engine to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dali_mixup._apply import arrays, targets

if TYPE_CHECKING:
    from dali_mixup._decide.plan import MixPlan


def applied(plan: MixPlan, x: Any, axes: Sequence[int] | None, others: Any) -> Any:
    """See `MixPlan.apply`."""
    if isinstance(x, np.ndarray):
        return arrays.mixed(plan, x, axes, others)
    from dali_mixup._apply import tensors  # which imports torch

    return tensors.mixed(plan, x, axes, others)


def mixed_targets(plan: MixPlan, labels: Any, num_classes: int | None, others: Any) -> Any:
    """See `MixPlan.targets`."""
    return targets.mixed(plan, labels, num_classes, others)
