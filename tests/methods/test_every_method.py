"""What holds for every registered method with its default arguments, at any image size."""

from __future__ import annotations

import dataclasses
import inspect
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.methods import REGISTRY

NAMES = sorted(REGISTRY)


@pytest.mark.parametrize("name", NAMES)
@given(
    n=st.integers(1, 4), height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 2**32 - 1)
)
def test_label_weights_are_the_share_of_the_pixels(lawful, name, n, height, width, seed):
    lawful(REGISTRY[name](), n, height, width, seed)


def decided(draws):
    """{name: (n,) float64} of what a decision may vary in."""
    numbers = {f"weight {j}": column for j, column in enumerate(draws.weights.T)}
    if draws.masks is not None:
        upper = draws.masks.shape[1] // 2
        numbers["own weight in the upper half"] = draws.masks[:, :upper].mean((1, 2))
    if draws.boxes is not None:
        numbers |= {f"box {j}": column for j, column in enumerate(draws.boxes.T)}
    return {name: column.astype(np.float64) for name, column in numbers.items()}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_stream_draws_the_same_and_another_one_does_not(draw, name):
    first, again, other = (draw(REGISTRY[name](), 5, 70, 82, seed) for seed in (1, 1, 2))
    for field in dataclasses.fields(first):
        np.testing.assert_equal(getattr(first, field.name), getattr(again, field.name))
    for number, values in decided(first).items():
        # A method may fix a number; one that it draws must come from the stream it was given.
        assert values.std() < 1e-9 or not np.array_equal(values, decided(other)[number]), number


@pytest.mark.parametrize("name", NAMES)
def test_decisions_of_one_call_are_independent(draw, name):
    """Correlation of each number of one decision with the next decision's; a number that is fixed has none."""
    for number, values in decided(draw(REGISTRY[name](), 1500, 70, 66)).items():
        if values.std() > 1e-9:
            # 4 standard errors: probability 6e-5 for a number whose draws are independent.
            assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 4 / np.sqrt(1500), number


@pytest.mark.parametrize("name", NAMES)
def test_is_a_frozen_value_named_as_registered(name):
    method = REGISTRY[name]()
    assert method.name == name and method == REGISTRY[name]() and hash(method) == hash(REGISTRY[name]())
    assert pickle.loads(pickle.dumps(method)) == method
    with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
        method.alpha = 3.0
    assert inspect.getdoc(REGISTRY[name])


@pytest.mark.parametrize("name", NAMES)
def test_numbers_that_make_no_sense_are_refused_with_their_value(lawful, name):
    """Every number field in turn: NaN and a string are refused by an error that names field and value; so is -1, or it
    is a value that draws."""
    for field in dataclasses.fields(REGISTRY[name]):
        if isinstance(field.default, (bool, str)):
            continue
        for bad in (float("nan"), -1.0, "0.5"):
            given_value = (bad, bad) if isinstance(field.default, tuple) else bad
            try:
                method = REGISTRY[name](**{field.name: given_value})
            except (TypeError, ValueError) as error:
                assert field.name in str(error) and repr(bad) in str(error)
            else:
                assert bad == -1.0, f"{field.name}={bad!r} was accepted"
                lawful(method, 3, 20, 30, 0)
