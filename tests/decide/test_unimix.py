"""UniMix: a lam that favours the rarer class, against the authors' code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from dali_mixup import CutMix, LabelDistance, MixPolicy, MixUp, Pool, Remix, UniMix, Unlabelled
from tests.plans import plan

COUNTS = [900, 90, 10]
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 0])
POLICY = MixPolicy(MixUp(0.8), granularity="sample", partners="roll", unimix=UniMix(COUNTS))


def authors(lam: np.ndarray, own: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """XuZhengzhuo/Prior-LT, core.py: unimix_factor, with given draws of the beta law."""
    n_i, n_j = np.array(COUNTS)[own], np.array(COUNTS)[partner]
    shifted = n_j / (n_i + n_j) + lam
    return np.array([t - 1 if t > 1 else t for t in shifted])


@pytest.mark.parametrize("granularity", ["batch", "sample"])
def test_pixels_and_labels_have_the_authors_weights(granularity: Any) -> None:
    policy = MixPolicy(MixUp(0.8), granularity=granularity, partners="roll", unimix=UniMix(COUNTS))
    plain = MixPolicy(MixUp(0.8), granularity=granularity, partners="roll")
    for step in range(20):
        got, drawn = (plan(p, 8, step, labels=LABELS) for p in (policy, plain))
        expected = authors(drawn.weights[:, 0], LABELS, LABELS[np.roll(np.arange(8), 1)])
        np.testing.assert_allclose(got.weights[:, 0], expected, atol=1e-6)
        np.testing.assert_array_equal(got.weights, got.pixel_weights)
        np.testing.assert_allclose(got.weights.sum(1), 1, atol=1e-6)


def test_the_law_is_the_shifted_beta_and_the_rarer_class_gets_more() -> None:
    """A row of class 2 (10 samples) whose partner is of class 0 (900)."""
    labels = np.array([2, 0])
    policy = MixPolicy(MixUp(0.8), granularity="sample", partners="flip", unimix=UniMix(COUNTS))
    lam = np.array([plan(policy, 2, s, labels=labels).weights[0, 0] for s in range(4000)])
    share = 900 / 910
    assert stats.kstest((lam - share) % 1, stats.beta(0.8, 0.8).cdf).pvalue > 1e-3
    alone = plan(MixPolicy(MixUp(1e-3), partners="flip", unimix=UniMix(COUNTS)), 2, labels=labels)
    assert alone.weights[0, 0] == pytest.approx(share, abs=1e-3)


def test_rows_that_are_not_mixed_stay_alone() -> None:
    policy = MixPolicy(MixUp(0.8), prob=0.5, granularity="sample", unimix=UniMix(COUNTS))
    plans = [plan(policy, 8, s, labels=LABELS) for s in range(20)]
    alone = np.concatenate([p.method < 0 for p in plans])
    own = np.concatenate([p.pixel_weights[:, 0] for p in plans])
    assert (own[alone] == 1).all() and 0.3 < alone.mean() < 0.9 and (own[~alone] < 1).all()


def test_without_counts_only_a_loader_can_use_it() -> None:
    with pytest.raises(ValueError, match=r"UniMix\(\) without counts, which only the loaders find out"):
        plan(MixPolicy(MixUp(), unimix=UniMix()), 3, labels=np.zeros(3, int))
    assert UniMix().counted("test", np.array([0, 0, 2]), 3) == UniMix([2, 1, 1])
    with pytest.raises(ValueError, match="need labels"):
        plan(POLICY, 8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"methods": [MixUp(), CutMix()]}, "does not blend two images by one lam"),
        ({"methods": MixUp(k=3)}, "does not blend two images by one lam"),
        ({"methods": MixUp(label_map="majority")}, "decides the weights"),
        ({"methods": MixUp(folded=True)}, "decides the weights"),
        ({"remix": Remix(COUNTS)}, "remix sets the label weights too"),
        ({"partners": Pool(Unlabelled("folder"))}, "have no class to count"),
        ({"partners": LabelDistance(1.0)}, "not classes to count"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MixPolicy(**{"methods": MixUp(0.8), "unimix": UniMix(COUNTS), **settings})


@pytest.mark.parametrize("bad", [[], [0], [1.5], [True], "12", 7])
def test_other_counts_are_refused(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="UniMix: counts"):
        UniMix(bad)
    with pytest.raises(TypeError, match="unimix=3, expected UniMix"):
        MixPolicy(MixUp(), unimix=3)  # type: ignore[arg-type]
