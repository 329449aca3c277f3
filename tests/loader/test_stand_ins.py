"""Which samples stand in for bad ones, and when to give up: decided without decoding anything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup import BadFileError, Skip
from dali_mixup.sources.bad_files import BadFile, BadFiles


@given(st.integers(2, 12), st.data())
def test_stand_ins_are_good_and_depend_on_the_set_of_bad_ones_alone(
    samples: int, data: st.DataObject
) -> None:
    known = data.draw(st.lists(st.integers(0, samples - 1), unique=True, max_size=samples - 1))
    bad = BadFiles(samples, Skip(100), known)
    again = BadFiles(samples, Skip(100), reversed(known))
    indices = np.array(data.draw(st.lists(st.integers(0, samples - 1), min_size=1)))
    before = indices.copy()
    replaced = bad.replaced(indices)
    assert not set(replaced.tolist()) & set(known)
    assert np.array_equal(replaced[~np.isin(before, known)], before[~np.isin(before, known)])
    assert np.array_equal(indices, before) and np.array_equal(again.replaced(indices), replaced)


def test_nothing_is_copied_while_nothing_is_bad() -> None:
    indices = np.arange(5)
    assert BadFiles(5, Skip(1)).replaced(indices) is indices


def test_the_same_file_counts_once() -> None:
    bad = BadFiles(10, Skip(2))
    for _ in range(5):
        bad.meet([BadFile(3, "c.jpg", "broken")])
    bad.meet([BadFile(4, "d.jpg", "broken")])
    assert bad.indices == [3, 4]
    with pytest.raises(
        BadFileError,
        match=r"3 files cannot be read or decoded, more than bad_files=Skip\(at_most=2\).*e\.jpg",
    ):
        bad.meet([BadFile(5, "e.jpg", "broken")])


def test_a_source_without_a_good_sample_is_given_up() -> None:
    with pytest.raises(BadFileError, match="no sample is left"):
        BadFiles(2, Skip(9)).meet([BadFile(0, "a", "broken"), BadFile(1, "b", "broken")])
