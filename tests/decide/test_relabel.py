"""CorruptLabels: the stated share, the stated law, the same samples every time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dali_mixup._decide.relabel import CorruptLabels


class TestCorruptLabels:
    LABELS = np.random.RandomState(0).randint(0, 10, 20_000).astype(np.int32)

    @pytest.mark.parametrize("fraction", [0.2, 0.5, 0.8])
    def test_the_share_and_the_law_of_wrong_labels(self, fraction: float) -> None:
        uniform = CorruptLabels(fraction)(self.LABELS, 10)
        other = CorruptLabels(fraction, scheme="other")(self.LABELS, 10)
        sd = np.sqrt(0.25 / 20_000)
        assert (other != self.LABELS).mean() == pytest.approx(fraction, abs=4 * sd)
        assert (uniform != self.LABELS).mean() == pytest.approx(0.9 * fraction, abs=4 * sd)
        offset = (other - self.LABELS)[other != self.LABELS] % 10
        assert stats.chisquare(np.bincount(offset, minlength=10)[1:]).pvalue > 1e-4

    def test_larger_fractions_keep_the_wrong_labels_of_smaller_ones(self) -> None:
        few, many = (CorruptLabels(f, seed=3, scheme="other")(self.LABELS, 10) for f in (0.2, 0.8))
        wrong = few != self.LABELS
        assert np.array_equal(few[wrong], many[wrong])
        assert not np.array_equal(few, CorruptLabels(0.2, seed=4, scheme="other")(self.LABELS, 10))

    @pytest.mark.parametrize("scheme", ["uniform", "other"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint64])
    def test_the_type_of_the_labels_changes_nothing(self, scheme: str, dtype: type) -> None:
        """Sums beyond 255 were taken modulo 256, and wrong labels were true ones."""
        for classes in (100, 120, 200, 256, 300):
            rule = CorruptLabels(1.0, scheme=scheme)
            true = np.full(5000, 99)
            made = rule(true.astype(dtype), classes)
            assert np.array_equal(made, rule(true, classes))
            assert made.dtype == (dtype if classes - 1 <= np.iinfo(dtype).max else np.int64)

    def test_bad_arguments_are_refused(self) -> None:
        for bad in ({"fraction": 1.2}, {"fraction": 0.5, "scheme": "flip"}, {"fraction": 0.5, "seed": -1}):
            with pytest.raises(ValueError, match="CorruptLabels"):
                CorruptLabels(**bad)
