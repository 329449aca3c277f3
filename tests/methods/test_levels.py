"""Soft masks in steps of 1 / 255: what they are rounded to, and that labels follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup._apply.validity import SWITCH, refuse_invalid
from dali_mixup._decide.policy import MixPolicy
from dali_mixup.methods import Draws, FMix, Form, GridMix, Levels, Method
from dali_mixup.methods.contours import softened


@dataclass(frozen=True)
class Flat(Method):
    """One number in every pixel, which rounding changes by as much as it changes the mean."""

    value: float = 0.3
    dtype: Any = np.float32
    apart: bool = False  # labels have weights of their own

    name: ClassVar[str] = "flat"
    form: ClassVar[Form] = Form.MASK

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        masks = np.full((n, height, width), self.value, self.dtype)
        own = masks.mean((1, 2), dtype=np.float64)
        weights = np.stack([own, 1 - own], axis=1)
        return Draws(
            weights=np.full((n, 2), 0.5) if self.apart else weights,
            pixel_weights=weights if self.apart else None,
            masks=masks,
        )


def test_all_steps_are_the_nearest_and_the_last_is_1() -> None:
    levels = Levels(np.arange(256, dtype=np.uint8).reshape(1, 16, 16))
    masks = np.asarray(levels)
    assert masks.dtype == np.float32 and masks.max() == 1 and masks.min() == 0
    np.testing.assert_array_equal(Levels.of(masks).numbers, levels.numbers)
    np.testing.assert_allclose(masks.ravel(), np.arange(256) / 255, rtol=1e-7)
    np.testing.assert_allclose(levels.means, masks.mean(dtype=np.float64))
    np.testing.assert_array_equal(Levels.of(np.float64([[[0.5, 1.5, 2.5]]]) / 255).numbers, [[[0, 2, 2]]])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_zeros_and_ones_of_any_type(dtype: Any) -> None:
    ones = np.array([[[0, 1], [1, 0]]])
    np.testing.assert_array_equal(np.asarray(Levels.of(ones.astype(dtype))), ones)


@pytest.mark.parametrize("value", [-0.01, 1.01, np.nan, np.inf, -np.inf, 255])
def test_numbers_that_are_no_weights_are_refused(value: float) -> None:
    """They would wrap round to others."""
    with pytest.raises(ValueError, match=r"Flat.*expected an array of numbers in \[0, 1\]"):
        MixPolicy([Flat(value)]).plan(4, 8, 8, seed=0, epoch=0, step=0)


@pytest.mark.parametrize("numbers", [np.zeros((2, 3), np.uint8), np.zeros((1, 2, 3), np.float32)])
def test_arrays_that_are_no_levels_are_refused(numbers: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8 and"):
        Levels(numbers)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.31, 0.5, 0.999, 1.0])
def test_labels_are_those_of_the_rounded_mask(value: float, dtype: Any) -> None:
    plan = MixPolicy([Flat(value, dtype)], partners="roll").plan(3, 6, 7, seed=0, epoch=0, step=0)
    exact = np.rint(255 * float(dtype(value))) / 255
    mixed = exact < 1  # a row in which no other has a share is left alone
    assert (plan.mixed == mixed).all()
    np.testing.assert_array_equal(plan.weights[:, 0], np.float32(exact))
    np.testing.assert_array_equal(plan.weights, plan.pixel_weights)
    if mixed and value > 0:
        x = np.array([0.0, 1.0, 2.0]).reshape(3, 1, 1) * np.ones((3, 6, 7))
        y = plan.weights[:, 0] * x[:, 0, 0] + plan.weights[:, 1] * x[plan.partners[:, 1], 0, 0]
        np.testing.assert_allclose(plan.apply(x).mean((1, 2)), y, atol=1e-6)


def test_a_label_that_is_not_the_masks_is_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lying(Flat):
        def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
            draws = super().draw(rng, n, height, width)
            return replace(draws, weights=draws.weights + np.array([0.001, -0.001]))

    plan = MixPolicy([Lying()], partners="roll").plan(3, 6, 7, seed=0, epoch=0, step=0)
    monkeypatch.setenv(SWITCH, "1")
    with pytest.raises(ValueError, match="a mask whose mean differs"):
        refuse_invalid(plan, 6, 7)


def test_label_weights_of_their_own_stay() -> None:
    plan = MixPolicy([Flat(0.3, apart=True)], partners="roll").plan(3, 6, 7, seed=0, epoch=0, step=0)
    np.testing.assert_array_equal(plan.weights, 0.5)
    np.testing.assert_allclose(plan.pixel_weights[:, 0], np.rint(255 * 0.3) / 255, atol=1e-7)


def test_hard_and_soft_masks_in_one_batch() -> None:
    policy = MixPolicy([FMix(), FMix(max_soft=0.2), GridMix()], granularity="sample", partners="roll")
    plan = policy.plan(30, 64, 70, seed=0, epoch=0, step=0)
    assert isinstance(plan.masks, Levels) and set(plan.method) == {0, 1, 2}
    for row in range(30):
        mask = plan.mask(row)
        assert plan.method[row] == 1 or set(np.unique(mask)) <= {0, 1}
        np.testing.assert_allclose(mask.mean(dtype=np.float64), plan.weights[row, 0], atol=1e-6)


@given(
    values=st.lists(st.integers(-9, 9) | st.integers(-32767, 32767), min_size=1, max_size=500),
    share=st.floats(0, 1),
    softness=st.floats(0, 1),
)
def test_softening_changes_no_mean_and_no_order(values: list[int], share: float, softness: float) -> None:
    heights = np.array([values], np.int16)
    count = int(share * len(values))
    soft = int(softness * min(count, len(values) - count))
    mask = softened(heights, count, soft)
    assert mask.sum(dtype=int) == 255 * count
    assert (mask == 255).sum() >= count - soft and (mask == 0).sum() >= len(values) - count - soft
    assert (np.diff(mask.ravel()[np.argsort(~heights.ravel(), kind="stable")].astype(int)) <= 0).all()
