"""Masks of 0 and 1 in bits, with a line for every row of pixels or with lines that rows share."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.methods import Bits

BY_EVERY_INDEX = [0, -1, slice(1, 3), np.array([2, 0, 2]), np.array([[1], [2]]), slice(None)]


def shared(n: int, height: int, width: int, lines: int, seed: int) -> tuple[Bits, np.ndarray]:
    """Masks whose rows share lines, and the same masks pixel by pixel."""
    rng = np.random.RandomState(seed)
    of_lines = rng.randint(0, 2, (n, lines, width)).astype(np.uint8)
    line_of = rng.randint(0, lines, (n, height)).astype(np.int32)
    masks = np.stack([of_lines[i][line_of[i]] for i in range(n)])
    return Bits(np.packbits(of_lines, axis=2), width, line_of), masks


@given(
    n=st.integers(1, 4),
    height=st.integers(1, 20),
    width=st.integers(1, 40),
    lines=st.integers(1, 9),
    seed=st.integers(0, 2**31),
)
def test_rows_have_the_lines_that_they_are_given(
    n: int, height: int, width: int, lines: int, seed: int
) -> None:
    bits, masks = shared(n, height, width, lines, seed)
    assert len(bits) == n and bits.shape == masks.shape
    np.testing.assert_array_equal(np.asarray(bits), masks)
    np.testing.assert_array_equal(Bits(bits.rows, width)[:], masks)
    np.testing.assert_array_equal(bits.rows, Bits.of(masks).packed)


@pytest.mark.parametrize("index", BY_EVERY_INDEX, ids=str)
def test_an_index_gives_the_same_masks_however_they_are_kept(index: Any) -> None:
    bits, masks = shared(3, 7, 11, 2, seed=0)
    np.testing.assert_array_equal(bits[index], masks[index])
    np.testing.assert_array_equal(Bits.of(masks)[index], masks[index])


def test_they_are_equal_to_what_was_pickled_and_to_no_others() -> None:
    bits, _ = shared(2, 6, 9, 3, seed=0)
    assert pickle.loads(pickle.dumps(bits)) == bits
    assert bits != shared(2, 6, 9, 3, seed=1)[0]


@pytest.mark.parametrize(
    ("line_of", "message"),
    [
        (np.zeros((2, 4), np.int64), r"line_of of int64 and shape \(2, 4\).*expected int32 and \(2, H\)"),
        (np.zeros((3, 4), np.int32), r"line_of of int32 and shape \(3, 4\).*expected int32 and \(2, H\)"),
        (np.zeros(4, np.int32), r"line_of of int32 and shape \(4,\).*expected int32 and \(2, H\)"),
        (np.full((2, 4), 3, np.int32), "line_of has numbers from 3 to 3, but packed has 3 lines; expected"),
        (np.full((2, 4), -1, np.int32), "line_of has numbers from -1 to -1, but packed has 3 lines"),
    ],
)
def test_lines_that_do_not_fit_are_refused(line_of: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bits(np.zeros((2, 3, 1), np.uint8), 8, line_of)


def test_rows_of_no_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="numbers from 0 to 0, but packed has 0 lines"):
        Bits(np.zeros((2, 0, 1), np.uint8), 8, np.zeros((2, 4), np.int32))


def test_lines_that_are_no_array_are_refused() -> None:
    with pytest.raises(TypeError, match="line_of is a list, expected a NumPy array"):
        Bits(np.zeros((2, 3, 1), np.uint8), 8, [[0, 0], [1, 2]])  # type: ignore[arg-type]
