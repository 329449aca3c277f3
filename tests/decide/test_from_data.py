"""Partners from the whole of the data: their laws, counted, against torch's sampler and scikit-learn's densities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from dali_mixup import Balanced, CutMix, LabelDistance, MixPolicy, MixUp, Neighbours, Remix
from dali_mixup._decide.from_data import FromData
from tests.plans import plan

DRAWS = 40_000
# A class without samples in the middle.
LABELS = np.repeat([0, 1, 3, 4], [50, 30, 8, 2])[np.random.RandomState(0).permutation(90)]


def drawn(rule: FromData, vectors: Any = None, sample: int = 0, draws: int = DRAWS) -> np.ndarray:
    """Partners of one sample, drawn again and again."""
    sampler = rule.sampler(LABELS, vectors)
    return sampler(np.random.RandomState(1), np.full(draws, sample), 1)[:, 0]


class TestBalanced:
    @pytest.mark.parametrize("exponent", [0, 0.5, 1, 1.5])
    def test_the_law_is_that_of_the_weighted_sampler_of_cmo(self, exponent: float) -> None:
        """naver-ai/cmo, imbalance_cifar.py: WeightedRandomSampler of 1 / n^weighted_alpha per sample."""
        weights = 1.0 / np.bincount(LABELS)[LABELS] ** exponent
        expected = DRAWS * weights / weights.sum()
        found = np.bincount(drawn(Balanced(exponent)), minlength=90)
        assert stats.chisquare(found, expected).pvalue > 1e-3
        torch.manual_seed(0)
        theirs = torch.utils.data.WeightedRandomSampler(weights.tolist(), DRAWS)
        both = np.stack([found, np.bincount(list(theirs), minlength=90)])
        assert stats.chi2_contingency(both).pvalue > 1e-3

    def test_by_name_every_class_is_as_frequent_as_the_others(self) -> None:
        rule = MixPolicy(CutMix(), partners="balanced").rule
        assert isinstance(rule, Balanced)
        found = np.bincount(LABELS[drawn(rule)])
        assert found[2] == 0 and stats.chisquare(found[found > 0]).pvalue > 1e-3

    def test_extreme_exponents_leave_the_largest_or_the_rarest_class(self) -> None:
        assert set(LABELS[drawn(Balanced(100))]) == {4}

    def test_one_sample_is_its_own_partner(self) -> None:
        sampler = Balanced().sampler(np.array([7]), None)
        assert sampler(np.random.RandomState(0), np.array([0, 0]), 3).tolist() == [[0] * 3] * 2

    def test_the_name_stands_for_the_default_only(self) -> None:
        assert MixPolicy(MixUp(), partners=Balanced()).partners == "balanced"
        assert MixPolicy(MixUp(), partners=Balanced(0.5)).partners == Balanced(0.5)

    @pytest.mark.parametrize("bad", [-1, np.nan, True, "1", 101, None])
    def test_other_exponents_are_refused(self, bad: Any) -> None:
        with pytest.raises((TypeError, ValueError), match="Balanced: exponent="):
            Balanced(bad)


class TestLabelDistance:
    @pytest.mark.parametrize("columns", [1, 3])
    @pytest.mark.parametrize("bandwidth", [0.2, 1.0, 1e6])
    def test_the_law_is_the_kernel_density_of_c_mixup(self, columns: int, bandwidth: float) -> None:
        """huaxiuyao/C-Mixup, algorithm.py: get_mixup_sample_rate, with scikit-learn's KernelDensity."""
        neighbors = pytest.importorskip("sklearn.neighbors")
        vectors = np.random.RandomState(2).randn(90, columns).astype(np.float32).round(1)
        for sample in (0, 17):
            density = neighbors.KernelDensity(kernel="gaussian", bandwidth=bandwidth).fit(vectors[[sample]])
            rate = np.exp(density.score_samples(vectors))
            expected = DRAWS * rate / rate.sum()
            found = np.bincount(drawn(LabelDistance(bandwidth), vectors, sample), minlength=90)
            seen = expected > 5  # rarer ones together, as the test asks for
            pooled = [np.append(x[seen], x[~seen].sum()) for x in (found, expected)]
            if pooled[1][-1] < 5:
                pooled = [x[:-1] for x in pooled]
                pooled[1] = pooled[1] * pooled[0].sum() / pooled[1].sum()
            assert stats.chisquare(*pooled).pvalue > 1e-4

    def test_rows_and_columns_are_drawn_independently_block_by_block(self, monkeypatch: Any) -> None:
        vectors = np.random.RandomState(2).randn(90, 2)
        sampler = LabelDistance(0.5).sampler(LABELS, vectors)
        whole = sampler(np.random.RandomState(3), np.arange(90), 2)
        monkeypatch.setattr("dali_mixup._decide.label_distance.BLOCK", 200)
        assert np.array_equal(whole, sampler(np.random.RandomState(3), np.arange(90), 2))
        assert (whole[:, 0] == whole[:, 1]).mean() < 0.3

    def test_a_narrow_kernel_finds_equal_labels_a_tiny_one_does_not_underflow(self) -> None:
        vectors = LABELS[:, None].astype(float) * 1e6
        for bandwidth in (0.1, 1e-100):
            found = drawn(LabelDistance(bandwidth), vectors, sample=3, draws=2000)
            assert (LABELS[found] == LABELS[3]).all() and len(set(found)) > 1

    @pytest.mark.parametrize("dtype", [np.int64, np.float32, bool])
    def test_within_the_batch_the_law_is_the_same_over_its_rows(self, dtype: Any) -> None:
        policy = MixPolicy(MixUp(2.0), partners=LabelDistance(0.7, within="batch"), granularity="sample")
        labels = np.array([0, 1, 1, 3]).astype(dtype)
        found = np.stack([plan(policy, 4, s, labels=labels).partners[:, 1] for s in range(3000)])
        values = labels.astype(float)
        kernel = np.exp(-((values[:, None] - values) ** 2) / (2 * 0.7**2))
        kernel /= kernel.sum(1, keepdims=True)
        for row in range(4):
            counts, expected = np.bincount(found[:, row], minlength=4), 3000 * kernel[row]
            likely = expected > 3
            assert counts[~likely].sum() < 12
            share = expected[likely] * counts[likely].sum() / expected[likely].sum()
            assert likely.sum() == 1 or stats.chisquare(counts[likely], share).pvalue > 1e-4

    def test_a_row_that_draws_itself_is_left_alone_and_not_called_unpartnered(self) -> None:
        policy = MixPolicy(MixUp(2.0), partners=LabelDistance(1e-3, within="batch"), granularity="sample")
        got = plan(policy, 3, labels=np.array([0.0, 5.0, 9.0]))
        assert not got.mixed.any() and got.unpartnered == 0

    @pytest.mark.parametrize(
        "labels", [["a", "b"], [0.0, np.nan], [[[1.0]], [[2.0]]], [1j, 2.0], [np.inf, 0.0]], ids=repr
    )
    def test_labels_that_are_no_numbers_are_refused(self, labels: Any) -> None:
        policy = MixPolicy(MixUp(2.0), partners=LabelDistance(1.0, within="batch"))
        with pytest.raises(ValueError, match="expected finite numbers"):
            plan(policy, 2, labels=np.array(labels))
        with pytest.raises(ValueError, match="labels=, the numbers of the batch"):
            plan(policy, 2)

    def test_too_few_labels_are_refused(self) -> None:
        policy = MixPolicy(MixUp(2.0), partners=LabelDistance(1.0, within="batch"))
        with pytest.raises(
            ValueError, match=r"labels of shape \(1, 2\) for 2 rows; expected one for every row"
        ):
            plan(policy, 2, labels=np.array([[0.0, 1.0]]))

    @pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf, True, "1", None, 1e-200, 1e200])
    def test_other_bandwidths_are_refused(self, bad: Any) -> None:
        with pytest.raises((TypeError, ValueError), match="LabelDistance: bandwidth="):
            LabelDistance(bad)

    def test_other_settings_are_refused(self) -> None:
        with pytest.raises(ValueError, match="within='set', expected one of 'data', 'batch'"):
            LabelDistance(1.0, within="set")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="numbers, not classes to count"):
            MixPolicy(MixUp(), partners=LabelDistance(1.0), remix=Remix([3, 4]))
        with pytest.raises(ValueError, match=r"granularity='pair' joins rows"):
            MixPolicy(MixUp(), partners=LabelDistance(1.0, within="batch"), granularity="pair")


@pytest.mark.parametrize("rule", [Balanced(), LabelDistance(1.0), Neighbours([[0]])], ids=repr)
def test_a_plan_alone_refuses_partners_beyond_the_batch(rule: Any) -> None:
    with pytest.raises(
        ValueError, match="rows beyond the batch belong to Balanced, LabelDistance, Neighbours"
    ):
        plan(MixPolicy(MixUp(), partners=rule), 2, labels=np.zeros(2, int))
