from __future__ import annotations

import pytest

from dali_mixup.methods.intervals import integers, interval


def test_lists_become_tuples_of_numbers():
    assert interval("A", "x", [1, 2]) == (1.0, 2.0)
    assert integers("A", "n", [2, 6], at_least=1) == (2, 6)


@pytest.mark.parametrize("given", [(2, 1), (0.5,), 0.5, (1, 2, 3), "ab", None])
def test_anything_but_low_and_high_is_refused_with_what_was_given(given):
    with pytest.raises((TypeError, ValueError), match="A: x"):
        interval("A", "x", given)


def test_equal_ends_pass_unless_strict():
    assert interval("A", "x", (1, 1)) == (1.0, 1.0)
    with pytest.raises(ValueError, match="low < high"):
        interval("A", "x", (1, 1), strict=True)


def test_bounds_and_integers_are_checked_at_both_ends():
    with pytest.raises(ValueError, match=r"x\[1\]=2"):
        interval("A", "x", (0, 2), at_most=1)
    with pytest.raises(ValueError, match=r"x\[0\]=0"):
        interval("A", "x", (0, 2), above=0)
    with pytest.raises(TypeError, match=r"n\[1\]=2.5"):
        integers("A", "n", (1, 2.5), at_least=1)
