"""The axes along which a plan's height and width run: found, given, or asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup._apply.axes import spatial_axes
from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.policy import MixPolicy
from dali_mixup.methods import CutMix, FMix, MixUp


def plan_of(rows: int, height: int | None, width: int | None, *methods: Any) -> MixPlan:
    policy = MixPolicy(list(methods or [CutMix()]), granularity="sample", partners="roll")
    return policy.plan(rows, height, width, seed=0, epoch=0, step=0)


@pytest.mark.parametrize(
    ("shape", "size", "found"),
    [
        ((8, 3, 20, 30), (20, 30), (2, 3)),
        ((8, 20, 30, 3), (20, 30), (1, 2)),
        ((8, 20, 30), (20, 30), (1, 2)),
        ((8, 5, 20, 30, 3), (20, 30), (2, 3)),
        ((8, 3, 5, 20, 30), (20, 30), (3, 4)),
        ((20, 30, 3, 20, 30), (20, 30), (3, 4)),  # rows are never one of them
        ((8, 1, 30), (1, 30), (1, 2)),
    ],
)
def test_the_only_adjacent_pair_of_the_size_is_found(shape: Any, size: Any, found: Any) -> None:
    assert spatial_axes(shape, size, None) == found


@given(st.permutations(range(1, 5)), st.booleans())
def test_any_order_of_the_axes_can_be_given(order: list[int], negative: bool) -> None:
    """What is mixed does not depend on the layout."""
    plan = plan_of(3, 5, 7)
    x = np.random.RandomState(0).randint(0, 256, (3, 2, 4, 5, 7)).astype(np.uint8)
    turned = x.transpose(0, *order)
    axes = [1 + order.index(3), 1 + order.index(4)]
    mixed = plan.apply(turned, axes=[axis - 5 for axis in axes] if negative else axes)
    np.testing.assert_array_equal(mixed, plan.apply(x).transpose(0, *order))


def test_several_pairs_are_asked_about() -> None:
    with pytest.raises(
        ValueError, match=r"\(1, 2\) and \(2, 3\).*shape \(8, 5, 5, 5\).*5 x 5.*give axes=\(1, 2\)"
    ):
        plan_of(8, 5, 5).apply(np.zeros((8, 5, 5, 5)))


def test_no_pair_is_asked_about() -> None:
    with pytest.raises(
        ValueError, match=r"no two adjacent axes.*shape \(8, 3, 30, 20\).*20 x 30.*axes=\(y, x\)"
    ):
        plan_of(8, 20, 30).apply(np.zeros((8, 3, 30, 20)))


@pytest.mark.parametrize(
    ("axes", "error", "message"),
    [
        ((0, 1), ValueError, "0 being the rows"),
        ((1, 1), ValueError, "different axes"),
        ((1,), ValueError, "height 1"),
        ((1, 2, 3), ValueError, "expected"),
        ((), ValueError, "expected"),
        ((2, 1), ValueError, r"size \(30, 20\), but the plan is for 20 x 30"),
        ((1, 4), ValueError, "from 1 to 3"),
        ((1, 2.0), TypeError, "axes"),
        (1, TypeError, "axes=1"),
        ("HW", TypeError, "axes='HW'"),
    ],
)
def test_wrong_axes_are_refused(axes: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        plan_of(8, 20, 30).apply(np.zeros((8, 20, 30, 3)), axes=axes)


def test_one_axis_is_the_width_of_a_plan_of_height_1() -> None:
    """Sound: a piece of the partner's, at the same time, on all channels."""
    plan = plan_of(4, 1, 50)
    x = np.arange(4 * 50 * 2, dtype=np.int16).reshape(4, 50, 2)
    mixed = plan.apply(x, axes=(1,))
    assert plan.mixed.sum() == 4 and (plan.weights[:, 0] < 1).all()
    for i, (_, x0, _, x1) in enumerate(plan.boxes):
        expected = x[i].copy()
        expected[x0:x1] = x[i - 1, x0:x1]
        np.testing.assert_array_equal(mixed[i], expected)
    np.testing.assert_array_equal(plan.apply(x.transpose(0, 2, 1), axes=(2,)), mixed.transpose(0, 2, 1))


def test_frames_of_a_clip_share_a_box() -> None:
    plan = plan_of(3, 8, 9)
    x = np.random.RandomState(0).randint(0, 256, (3, 4, 8, 9, 3)).astype(np.uint8)
    mixed = plan.apply(x, axes=(2, 3))
    for frame in range(4):
        np.testing.assert_array_equal(mixed[:, frame], plan.apply(x[:, frame], axes=(1, 2)))


def test_methods_that_blend_need_no_size() -> None:
    plan = plan_of(4, None, None, MixUp())
    assert plan.size is None
    same = plan_of(4, 8, 9, MixUp())
    np.testing.assert_array_equal(plan.weights, same.weights)
    x = np.random.RandomState(0).random_sample((4, 8, 9, 3))
    np.testing.assert_array_equal(plan.apply(x), same.apply(x))


def test_other_methods_do() -> None:
    with pytest.raises(ValueError, match=r"no height and width, but cutmix, fmix mixes"):
        plan_of(4, None, None, MixUp(), CutMix(), FMix())
    with pytest.raises(TypeError, match="width=None"):
        plan_of(4, 8, None, MixUp())
