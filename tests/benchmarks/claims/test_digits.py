"""The pixels that come out of the pipelines are scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from benchmarks.claims.digits import BLACK, RANGE, TEST, WHITE, Digits, split

FOUND = load_digits()


def standardised(levels: np.ndarray) -> np.ndarray:
    """By the constants to the digits that they are rounded to."""
    result: np.ndarray = (levels - FOUND.images.mean().round(4)) / FOUND.images.std().round(4)
    return result


def test_validation_reads_every_digit_exactly(all_digits: Digits) -> None:
    assert torch.equal(all_digits.labels, torch.from_numpy(FOUND.target))
    for channel in range(3):
        np.testing.assert_allclose(all_digits.images[:, channel], standardised(FOUND.images), atol=1e-6)
    assert (float(all_digits.images.min()), float(all_digits.images.max())) == pytest.approx((BLACK, WHITE))
    assert pytest.approx(16 / FOUND.images.std(), rel=1e-4) == RANGE


def test_training_reads_the_chosen_digits_exactly(all_digits: Digits) -> None:
    samples = np.array([5, 900, 17, 1796, 44])
    with all_digits.loader(samples, None, 2, seed=0) as loader:
        seen = []
        for images, labels, record in loader:
            ids = samples[record.sample_ids.numpy()]
            np.testing.assert_allclose(images[:, 0], standardised(FOUND.images[ids]), atol=1e-6)
            np.testing.assert_array_equal(labels, FOUND.target[ids])
            seen += ids.tolist()
    assert sorted(seen) == sorted(samples.tolist())


def test_splits_share_nothing_and_nest() -> None:
    few, test = split(3, 100)
    many, same = split(3, 1000)
    assert len(test) == TEST and not set(many) & set(test)
    np.testing.assert_array_equal(many[:100], few)
    np.testing.assert_array_equal(test, same)
    with pytest.raises(ValueError, match="1001"):
        split(3, 1001)
