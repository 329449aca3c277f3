"""Plans are equal where their arrays are."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from dali_mixup import MixPolicy, MixUp
from dali_mixup.methods import REGISTRY


@pytest.mark.parametrize("granularity", ["batch", "sample"])
@pytest.mark.parametrize("name", REGISTRY)
def test_the_same_address_gives_an_equal_plan_and_another_one_does_not(name: str, granularity: str) -> None:
    policy = MixPolicy(REGISTRY[name](), granularity=granularity)
    first, again, later = (policy.plan(6, 128, 128, seed=1, epoch=0, step=step) for step in (0, 0, 1))
    assert first == again and first in [later, again] and pickle.loads(pickle.dumps(first)) == again
    assert first != later and first != "a plan"


def test_every_array_counts() -> None:
    plan = MixPolicy(MixUp()).plan(4, seed=0, epoch=0, step=0)
    changed = plan.weights.copy()
    changed[2, 1] += 1e-6
    assert plan != replace(plan, weights=changed) and plan != replace(plan, regime="clean")
    assert plan != replace(plan, weights=plan.weights.astype(np.float64))
    with pytest.raises(TypeError, match="unhashable type: 'MixPlan'"):
        hash(plan)
