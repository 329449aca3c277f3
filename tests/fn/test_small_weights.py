"""An own image with next to no weight, by which fn.mix divides those of the others."""

from __future__ import annotations

import numpy as np
import pytest

from dali_mixup import MixPolicy, MixUp
from tests.fn.rows import SEED, mixed


@pytest.mark.parametrize("scale", [1.0, 255.0, 1e15])
@pytest.mark.parametrize("lam", [0.0, 1e-30, 1e-24, 1e-12, 1e-6])
def test_the_others_stay_finite_and_exact(lam: float, scale: float) -> None:
    policy = MixPolicy(MixUp(lam=lam), partners="roll", granularity="sample")
    rows = (np.random.RandomState(0).randn(4, 5) * scale).astype(np.float32)
    plan = policy.plan(4, seed=SEED, epoch=0, step=0)
    np.testing.assert_allclose(mixed(rows, policy)[0][0], plan.apply(rows), rtol=0, atol=1e-6 * scale)
