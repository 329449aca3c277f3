"""Plans for the tests of decisions: 224 pixels, seed 0, epoch 0, step 0 unless a test says otherwise."""

from __future__ import annotations

from typing import Any

from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.policy import MixPolicy

SIZE = 224


def plan(policy: MixPolicy, rows: int = 8, step: int = 0, **address: Any) -> MixPlan:
    where = {"seed": 0, "epoch": 0, "step": step} | address
    size = {"height": where.pop("height", SIZE), "width": where.pop("width", SIZE)}
    return policy.plan(rows, size["height"], size["width"], **where)
