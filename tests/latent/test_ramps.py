from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.latent import linear_ramp, sigmoid_ramp


def test_sigmoid_ramp_is_the_published_curve():
    assert sigmoid_ramp(0, 80) == math.exp(-5)
    assert sigmoid_ramp(40, 80) == math.exp(-5 * 0.25)
    assert sigmoid_ramp(80, 80) == sigmoid_ramp(200, 80) == 1.0


def test_linear_ramp_is_the_share_of_the_way():
    assert [linear_ramp(p, 8) for p in (-1, 0, 2, 8, 9)] == [0.0, 0.0, 0.25, 1.0, 1.0]


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-3, 1e6))
def test_ramps_never_fall(a, b, length):
    for ramp in (sigmoid_ramp, linear_ramp):
        assert 0 <= ramp(min(a, b), length) <= ramp(max(a, b), length) <= 1


def test_no_ramp_is_full_weight_and_negative_length_is_refused():
    assert sigmoid_ramp(0, 0) == linear_ramp(0, 0) == 1.0
    for ramp in (sigmoid_ramp, linear_ramp):
        with pytest.raises(ValueError, match="length=-1"):
            ramp(0, -1)


@pytest.mark.parametrize("ramp", [sigmoid_ramp, linear_ramp])
def test_positions_that_are_no_number_are_refused(ramp):
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match=f"{ramp.__name__}: position={bad}"):
            ramp(bad, 3)
    with pytest.raises(TypeError, match=f"{ramp.__name__}: position='1' is a str"):
        ramp("1", 3)
