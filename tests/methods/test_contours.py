"""Masks of the highest pixels of an image on a grid."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.methods import Contours
from dali_mixup.methods.contours import HIGHEST, highest, pixels
from tests.contours import contours


@given(
    values=st.lists(
        st.sampled_from([-9, 0, 1, 32767, -32767]) | st.integers(-32767, 32767), min_size=1, max_size=3000
    ),
    share=st.floats(0, 1),
)
def test_the_highest_pixels_are_the_first_of_a_stable_order(values, share):
    heights = np.array([values], np.int16)
    count = int(share * heights.size)
    expected = sorted(range(len(values)), key=lambda i: -values[i])[:count]
    np.testing.assert_array_equal(np.flatnonzero(highest(heights, count)), sorted(expected))


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 7])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 9), (16, 12), (33, 40)])
def test_between_the_points_an_image_is_torchs_bilinear_one(height: int, width: int, stride: int) -> None:
    masks = contours(3, height, width, stride)
    made = pixels(masks.heights, stride, height, width)
    h, w = masks.heights.shape[1:]
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(masks.heights.astype(np.float64))[None],
        (stride * (h - 1) + 1, stride * (w - 1) + 1),
        mode="bilinear",
        align_corners=True,
    )[0, :, :height, :width]
    assert made.shape == (3, height, width) and made.dtype == np.int16
    np.testing.assert_allclose(made / stride**2, expected.numpy(), atol=1e-6 * HIGHEST)


@given(
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    stride=st.integers(1, 9),
    seed=st.integers(0, 1000),
    levels=st.sampled_from([1, 3, None]),
)
def test_a_mask_has_its_number_of_the_highest_pixels(
    size: tuple[int, int], stride: int, seed: int, levels: int | None
) -> None:
    masks = contours(3, *size, stride, seed, levels)
    assert len(masks) == 3 and masks.shape == (3, *size)
    values = pixels(masks.heights, stride, *size).astype(int)
    for i, mask in enumerate(np.asarray(masks).astype(bool)):
        assert mask.sum() == masks.counts[i]
        assert mask.all() or not mask.any() or values[i][mask].min() >= values[i][~mask].max()
        np.testing.assert_array_equal(masks[i], mask)


def test_masks_can_be_sent_before_and_after_they_were_worked_out() -> None:
    masks = contours(4, 20, 30, 4)
    early = pickle.loads(pickle.dumps(masks))
    pixels_of_masks = masks[:]
    late = pickle.loads(pickle.dumps(masks))
    np.testing.assert_array_equal(early[:], pixels_of_masks)
    np.testing.assert_array_equal(late[:], pixels_of_masks)
    assert len(pickle.dumps(masks)) == len(pickle.dumps(early))


GRID = np.zeros((2, 3, 4), np.int16)  # of 5 x 12 pixels at stride 4
COUNTS = np.array([0, 60])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((GRID.astype(np.int32), COUNTS, 4, 5, 12), "heights of int32"),
        ((GRID, COUNTS, 4, 5, 13), r"expected int16 and \('n', 3, 5\)"),
        ((GRID, COUNTS[:1], 4, 5, 12), "a grid for each count"),
        ((GRID, COUNTS.astype(np.int32), 4, 5, 12), "counts of int32"),
        ((GRID, np.int64(3), 4, 5, 12), "counts is a int64"),
        ((GRID, np.array(3), 4, 5, 12), "a grid for each count"),
        ((GRID, COUNTS + 1, 4, 5, 12), "counts from 1 to 61; expected numbers of pixels, 0 to 60"),
        ((GRID, COUNTS - 1, 4, 5, 12), "counts from -1"),
        (
            (GRID + np.int16(2048), COUNTS, 4, 5, 12),
            "heights from 2048 to 2048; expected sizes up to .* = 2047",
        ),
        ((GRID + np.int16(-32768), COUNTS, 4, 5, 12), "heights from -32768"),
        ((GRID, COUNTS, True, 5, 12), "stride"),
        ((GRID, COUNTS, 0, 5, 12), "stride"),
        ((GRID, COUNTS, 4, 5.5, 12), "height"),
        ((GRID, COUNTS, 4, 5, None), "width"),
        (([[0]], COUNTS, 4, 5, 12), "heights is a list"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"Contours: .*{message}"):
        Contours(*arguments)
