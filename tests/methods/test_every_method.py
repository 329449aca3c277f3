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


@pytest.mark.parametrize("name", NAMES)
def test_the_same_stream_draws_the_same(draw, name):
    first, again, other = (draw(REGISTRY[name](), 5, 70, 82, seed) for seed in (1, 1, 2))
    for field in dataclasses.fields(first):
        np.testing.assert_equal(getattr(first, field.name), getattr(again, field.name))
    content = [first.weights, first.regions, first.masks, first.boxes]
    others = [other.weights, other.regions, other.masks, other.boxes]
    assert any(a is not None and not np.array_equal(a, b) for a, b in zip(content, others, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_decisions_of_one_call_are_independent(draw, name):
    """Correlation of a number of one decision (own weight in the upper half, top of the box) with the next one's."""
    draws = draw(REGISTRY[name](), 1500, 70, 66)
    if draws.masks is not None:
        value = draws.masks[:, :35].mean((1, 2))
    elif draws.boxes is not None:
        value = draws.boxes[:, 0].astype(float)
    else:
        value = draws.weights[:, 0]
    assert value.std() > 0
    # 4 standard errors: probability 6e-5 for a method whose decisions are independent.
    assert abs(np.corrcoef(value[1:], value[:-1])[0, 1]) < 4 / np.sqrt(1500)


@pytest.mark.parametrize("name", NAMES)
def test_is_a_frozen_value_named_as_registered(name):
    method = REGISTRY[name]()
    assert method.name == name and method == REGISTRY[name]() and hash(method) == hash(REGISTRY[name]())
    assert pickle.loads(pickle.dumps(method)) == method
    with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
        method.alpha = 3.0
    assert inspect.getdoc(REGISTRY[name])


@pytest.mark.parametrize("name", NAMES)
def test_numbers_that_make_no_sense_are_refused_with_their_value(name):
    """Every number field in turn: NaN, a string, and -1 are refused by an error that names field and value."""
    for field in dataclasses.fields(REGISTRY[name]):
        if isinstance(field.default, (bool, str)):
            continue
        for bad in (float("nan"), -1.0, "0.5"):
            given_value = (bad, bad) if isinstance(field.default, tuple) else bad
            with pytest.raises((TypeError, ValueError)) as error:
                REGISTRY[name](**{field.name: given_value})
            assert field.name in str(error.value) and repr(bad) in str(error.value)
