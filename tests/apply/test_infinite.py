"""Infinite numbers, such as the logarithm of silence: they reach exactly the pixels in which they have a share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import MixPolicy
from dali_mixup._decide.plan import MixPlan
from dali_mixup.methods import GMix, HMix, Method, ResizeMix, StackMix, VHMixUp

ROWS = 16
METHODS: list[Method] = [HMix(), VHMixUp(), GMix(), ResizeMix(), StackMix()]


def plan_of(method: Method) -> MixPlan:
    policy = MixPolicy(method, granularity="sample", partners="derangement")
    return policy.plan(ROWS, 16, 16, seed=1, epoch=0, step=2)


def mixed(plan: MixPlan, x: np.ndarray, engine: str) -> np.ndarray:
    if engine == "numpy":
        return plan.apply(x, axes=(2, 3))
    tensor = torch.from_numpy(x).requires_grad_(engine == "gradient")
    made: Any = plan.apply(tensor, axes=(2, 3))
    return made.detach().numpy()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ["numpy", "torch", "gradient"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize("number", [np.inf, -np.inf])
def test_one_pixel_reaches_those_in_which_it_has_a_share(method: Method, engine: str, number: float) -> None:
    """The same pixel with a large number shows which these are."""
    plan = plan_of(method)
    plain = np.random.RandomState(0).rand(ROWS, 1, 16, 16).astype(np.float32)
    large, infinite = plain.copy(), plain.copy()
    large[3, 0, 5, 4], infinite[3, 0, 5, 4] = 1e6, number
    reached = np.abs(mixed(plan, large, engine) - mixed(plan, plain, engine)) > 0.01
    made = mixed(plan, infinite, engine)
    assert reached.any() and (~reached).any()
    assert (made[reached] == number).all() and np.isfinite(made[~reached]).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ["numpy", "torch", "gradient"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_rows_of_silence(method: Method, engine: str) -> None:
    x = np.full((ROWS, 1, 16, 16), -np.inf, np.float32)
    assert (mixed(plan_of(method), x, engine) == -np.inf).all()


@pytest.mark.parametrize("engine", ["numpy", "torch", "gradient"])
def test_both_infinities_in_one_pixel_are_no_number(engine: str) -> None:
    x = np.zeros((ROWS, 1, 16, 16), np.float32)
    x[:, 0, ::2], x[:, 0, 1::2] = np.inf, -np.inf
    made = mixed(plan_of(ResizeMix()), x, engine)
    assert np.isnan(made).any() and not np.isnan(made).all()
