"""Functions that users give, whatever they return or raise: the right plan, or an error that names the function."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup import CorruptLabels, CutMix, MixPolicy, MixUp, Schedule
from dali_mixup.latent.layers import resolve_layers
from dali_mixup.methods import REGISTRY, Method, label_maps
from dali_mixup.sources import Masks

ODD: list[Any] = [
    None,
    True,
    False,
    "0.5",
    b"0.5",
    "",
    [],
    [0.5],
    {},
    {0.5},
    object(),
    Decimal("0.5"),
    Fraction(1, 2),
]
ODD += [
    1j,
    np.complex128(0.5),
    np.float16(0.5),
    np.bool_(True),
    np.array([]),
    np.array(None),
    np.str_("1"),
    10**400,
]
ODD += [
    torch.tensor(0.5),
    torch.tensor([0.5, 0.5]),
    torch.tensor(0.5, requires_grad=True),
    iter([0.5]),
    np.nan,
]
ODD += [
    -0.0,
    -1e-300,
    1 + 1e-15,
    2**63,
    np.datetime64("2020-01-01"),
    int,
    lambda: 0.5,
    5e-324,
    1e-308,
    1.7e308,
]

results = st.sampled_from(ODD) | st.floats() | st.integers() | st.floats(0, 1)
shapes = st.sampled_from([(), (1,), (2,), (1001,), (1001, 1), (1, 1001), (4,), (4, 2)])
arrays = st.builds(
    lambda shape, value, kind: np.full(shape, value).astype(kind),
    shapes,
    st.floats(width=16),
    st.sampled_from(["f8", "f4", "f2", "i4", "u1", "?", "c16", "U8", "O", "M8[s]"]),
)
errors = st.sampled_from(
    [IndexError, KeyError, ZeroDivisionError, RuntimeError, ValueError, TypeError, OSError]
)


def plan_of(policy: MixPolicy, epoch: int = 0) -> Any:
    return policy.plan(4, 16, 16, seed=0, epoch=epoch, step=0)


def is_sound(plan: Any) -> bool:
    weights = plan.weights.astype(np.float64)
    return bool(((weights >= 0) & (weights <= 1)).all() and np.abs(weights.sum(1) - 1).max() < 1e-6)


def names(error: BaseException, *texts: str) -> bool:
    said = "\n".join([str(error), *getattr(error, "__notes__", [])])
    return all(text in said for text in texts)


def curved(where: str, curve: Callable[[int], Any]) -> MixPolicy:
    fields: Any = {"prob": curve, "weights": [curve, 1.0], "alpha": [curve, None]}
    return MixPolicy([MixUp(0.8), CutMix(1.0)], schedule=Schedule(**{where: fields[where]}))


@pytest.mark.parametrize("where", ["prob", "weights", "alpha"])
@given(result=results | arrays)
def test_a_curve_gives_a_number_or_is_named(where: str, result: Any) -> None:
    policy = curved(where, lambda epoch: result if epoch else 1.0)
    try:
        plan = plan_of(policy, epoch=1)
    except (TypeError, ValueError) as error:
        assert (names(error, f"schedule.{where}") and names(error, "in epoch 1")) or where == "alpha"
    else:
        assert is_sound(plan)
        assert float(result) >= 0


@pytest.mark.parametrize("where", ["prob", "weights", "alpha"])
@given(kind=errors)
def test_an_error_in_a_curve_keeps_its_type_and_names_the_curve(where: str, kind: type[Exception]) -> None:
    def curve(epoch: int) -> float:
        if epoch:
            raise kind("a slip")
        return 1.0

    with pytest.raises(kind, match="a slip") as caught:
        plan_of(curved(where, curve), epoch=1)
    if sys.version_info >= (3, 11):
        assert names(caught.value, f"schedule.{where}", "in epoch 1", "curve")
    with pytest.raises(kind, match="a slip"):
        curved(where, lambda epoch: curve(1))


@pytest.mark.parametrize("where", ["prob", "weights", "alpha"])
def test_a_curve_that_changes_its_mind_is_refused(where: str) -> None:
    values = itertools.cycle([0.5, 1.0])
    with pytest.raises(ValueError, match="two values for one epoch"):
        curved(where, lambda epoch: next(values))


@given(result=results | arrays)
def test_a_label_map_gives_one_weight_per_lam_or_is_named(result: Any) -> None:
    def strange(lam: np.ndarray) -> Any:
        return result

    try:
        method = MixUp(0.8, label_map=strange)
    except (TypeError, ValueError) as error:
        assert names(error, "MixUp: label_map=", "strange")
        return
    try:  # a constant array that was right for the grid of the constructor
        plan = plan_of(MixPolicy(method, granularity="sample"))
    except (TypeError, ValueError) as error:
        assert names(error, "MixUp: label_map=", "strange")
    else:
        assert is_sound(plan)


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["f8", "f4", "f2", "?", "list", "torch", "ma"]))
def test_any_kind_of_array_of_weights_is_right(low: float, high: float, kind: str) -> None:
    low, high = min(low, high), max(low, high)

    def of(lam: np.ndarray) -> Any:
        made = np.clip(low + (high - low) * lam, 0, 1)
        if kind == "list":
            return made.tolist()
        if kind == "torch":
            return torch.from_numpy(made)
        return np.ma.array(made) if kind == "ma" else made.astype(kind)

    policy = MixPolicy(MixUp(0.8, label_map=of), granularity="sample")
    plan = plan_of(policy)
    assert is_sound(plan)
    expected = np.asarray(of(plan.pixel_weights[:, 0].astype(np.float64)), dtype=np.float64)
    mixed = plan.partners[:, 0] != plan.partners[:, 1]
    tolerance = 1e-3 if kind == "f2" else 1e-6
    if kind != "?":
        np.testing.assert_allclose(plan.weights[mixed, 0], expected[mixed], atol=tolerance)


@given(kind=errors, late=st.booleans())
def test_an_error_in_a_label_map_keeps_its_type_and_names_the_map(kind: type[Exception], late: bool) -> None:
    def failing(lam: np.ndarray) -> np.ndarray:
        if not late or len(lam) != 1001:
            raise kind("a slip")
        return lam

    with pytest.raises(kind, match="a slip") as caught:
        plan_of(MixPolicy(MixUp(0.8, label_map=failing), granularity="sample"))
    if sys.version_info >= (3, 11):
        assert names(caught.value, "MixUp: label_map=", "failing")


def test_a_stop_iteration_does_not_end_anything() -> None:
    with pytest.raises(RuntimeError, match=r"label_map=.* raised StopIteration"):
        MixUp(0.8, label_map=lambda lam: next(iter(())))


def test_a_map_of_single_numbers_is_named() -> None:
    for function in (lambda lam: max(lam, 0.5), lambda lam: 0.5 if lam > 0.5 else 1.0):
        with pytest.raises(ValueError, match="ambiguous") as caught:
            MixUp(0.8, label_map=function)
        assert sys.version_info < (3, 11) or names(caught.value, "MixUp: label_map=")


def test_a_map_cannot_change_lam() -> None:
    def in_place(lam: np.ndarray) -> np.ndarray:
        np.sqrt(lam, out=lam)
        return lam

    grid = label_maps._GRID.copy()
    changed = plan_of(MixPolicy(MixUp(0.8, label_map=in_place), granularity="sample"))
    expected = plan_of(MixPolicy(MixUp(0.8, label_map=np.sqrt), granularity="sample"))
    np.testing.assert_array_equal(changed.pixel_weights, expected.pixel_weights)
    np.testing.assert_array_equal(changed.weights, expected.weights)
    np.testing.assert_array_equal(label_maps._GRID, grid)


def test_a_map_that_keeps_its_result_cannot_change_the_plan() -> None:
    kept = []

    def remembered(lam: np.ndarray) -> np.ndarray:
        kept.append(lam * lam)
        return kept[-1]

    plan = plan_of(MixPolicy(MixUp(0.8, label_map=remembered), granularity="sample"))
    before = plan.weights.copy()
    for array in kept:
        array[:] = 7.0
    np.testing.assert_array_equal(plan.weights, before)


def test_a_map_that_draws_is_refused() -> None:
    rng = np.random.RandomState(0)
    with pytest.raises(ValueError, match=r"two results for the same lam.*'independent'"):
        MixUp(0.8, label_map=lambda lam: rng.random_sample(lam.shape))


def using_alpha(name: str) -> Method:
    """The method of that name, with a law that depends on alpha."""
    options = {"tokenmix": {"lam": None}, "resizemix": {"law": "mmpretrain"}}
    return REGISTRY[name](**options.get(name, {}))


@pytest.mark.parametrize("alpha", [5e-324, 1e-308, 9e-31, 1.1e30, 1.7e308])
@pytest.mark.parametrize("name", [name for name, method in REGISTRY.items() if hasattr(method(), "alpha")])
def test_an_alpha_of_which_numpy_draws_no_numbers_is_refused(name: str, alpha: float) -> None:
    with pytest.raises(
        ValueError, match=r"alpha=.*expected a number > 0, and (at least 1e-30|none beyond 1e\+30)"
    ):
        REGISTRY[name](alpha=alpha)
    with pytest.raises(ValueError, match=r"alpha.*and (at least 1e-30|none beyond 1e\+30)"):
        plan_of(
            MixPolicy(using_alpha(name), schedule=Schedule(alpha=[lambda epoch: alpha if epoch else 1.0])), 1
        )


@pytest.mark.parametrize("alpha", [1e-30, 1e30])
@pytest.mark.parametrize("name", [name for name, method in REGISTRY.items() if hasattr(method(), "alpha")])
def test_the_ends_of_alpha_are_sound(name: str, alpha: float) -> None:
    plan = MixPolicy(REGISTRY[name](alpha=alpha), granularity="sample").plan(
        64, 16, 16, seed=0, epoch=0, step=0
    )
    assert is_sound(plan)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda function: MixUp(label_map=function), "MixUp: label_map="),
        (lambda function: Schedule(prob=function), "Schedule: prob="),
        (lambda function: Schedule(weights=(function,)), "Schedule: weights"),
        (lambda function: Schedule(alpha=(1.0, function)), "Schedule: alpha"),
        (Masks, "Masks: files="),
        (lambda function: resolve_layers("Owner", torch.nn.Linear(1, 1), function), "Owner: layers="),
    ],
)
@pytest.mark.parametrize("function", [lambda: 0.5, lambda one, two: 0.5, CorruptLabels(0.5)])
def test_a_function_of_other_arguments_is_refused_when_it_is_given(
    make: Callable[[Any], Any], named: str, function: Any
) -> None:
    with pytest.raises(TypeError, match=rf"{named}.*cannot be called with 1 argument .*; expected"):
        make(function)
