from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from dali_mixup.methods import MixUp
from dali_mixup.methods.mixup import dirichlet, own_largest

N = 50_000
REJECT = 1e-3  # of a true law, per test; the seeds are fixed


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.8, 1.0, 2.0])
def test_lam_is_beta_distributed(draw, mean_is, alpha):
    lam = draw(MixUp(alpha), N, 8, 8).weights[:, 0]
    # Below 1/2, where a float can tell weights apart: at alpha = 0.1, 1.3% of the draws are within 1e-16 of 1.
    beta = stats.beta(alpha, alpha)
    assert stats.kstest(lam[lam < 0.5], lambda x: 2 * beta.cdf(x)).pvalue > REJECT
    mean_is(lam < 0.5, 0.5)
    mean_is(lam, 0.5)
    mean_is((lam - 0.5) ** 2, 1 / (4 * (2 * alpha + 1)))


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.2), (0.5, 3.0), ((2.0, 2.0), 1.0)])
def test_two_parameters_give_the_beta_law_of_both(draw, alpha, beta):
    lam = draw(MixUp(alpha, beta=beta), N, 8, 8).weights[:, 0]
    law = stats.beta(alpha if isinstance(alpha, float) else alpha[0], beta)
    below = lam < 0.9  # where a float can tell them apart: Beta(1, 0.2) is often within 1e-16 of 1
    assert stats.kstest(lam[below], lambda x: law.cdf(x) / law.cdf(0.9)).pvalue > REJECT
    assert below.mean() == pytest.approx(law.cdf(0.9), abs=4 / np.sqrt(N))


def test_balanced_mixup_gives_the_partner_a_beta_weight_of_alpha_and_1(draw):
    """agaldran/balanced_mixup, train_lt_mxp.py: lam = np.random.beta(a=do_mixup, b=1) weighs the balanced image."""
    theirs = np.random.RandomState(5).beta(0.2, 1, N)
    assert stats.ks_2samp(draw(MixUp(1.0, beta=0.2), N, 8, 8).weights[:, 1], theirs).pvalue > REJECT


@pytest.mark.parametrize("bad", [0, -1, True, np.nan, "1", (0.1, 0.2)])
def test_other_betas_are_refused(bad):
    with pytest.raises((TypeError, ValueError), match="MixUp: beta="):
        MixUp(beta=bad)
    with pytest.raises(ValueError, match=r"k=3 with lam=None, beta=1\.0"):
        MixUp(k=3, beta=1.0)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.8, 2.0])
def test_the_kolmogorov_smirnov_test_would_find_uniform_weights(draw, alpha):
    """Two libraries shipped lam ~ U(0, 1) for every alpha; with this many draws that cannot pass."""
    uniform = np.random.RandomState(0).uniform(size=N)
    assert stats.kstest(uniform, stats.beta(alpha, alpha).cdf).pvalue < 1e-9


@pytest.mark.parametrize(("alpha", "weaker"), [(0.1, 0.058), (0.2, 0.101), (0.8, 0.228), (1.0, 0.250)])
def test_expected_weight_of_the_weaker_image(draw, mean_is, alpha, weaker):
    lam = draw(MixUp(alpha), N, 8, 8, seed=1).weights[:, 0]
    mean_is(np.minimum(lam, 1 - lam), weaker, published_error=5e-4)


@pytest.mark.parametrize("alpha", [1e-4, 1e-2, 100.0])
def test_extreme_alphas_stay_finite(draw, alpha):
    weights = draw(MixUp(alpha, k=4), 2000, 8, 8).weights
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-12)


@pytest.mark.parametrize(("alpha", "k"), [(0.5, 3), (1.0, 4), (2.0, 5), (0.2, 2)])
def test_k_images_have_dirichlet_weights(draw, alpha, k):
    ours = draw(MixUp(alpha, k=k), N, 8, 8).weights
    theirs = stats.dirichlet([alpha] * k).rvs(N, random_state=1)
    for j in range(k):
        assert stats.kstest(ours[:, j], stats.beta(alpha, alpha * (k - 1)).cdf).pvalue > REJECT
    assert stats.ks_2samp(ours.max(1), theirs.max(1)).pvalue > REJECT
    covariance = -1 / (k * k * (k * alpha + 1))
    np.testing.assert_allclose(np.cov(ours.T)[~np.eye(k, dtype=bool)], covariance, atol=2e-3)


def test_two_images_are_one_beta_draw():
    weights = dirichlet(np.random.RandomState(0), 0.3, 7, 2)
    np.testing.assert_array_equal(weights[:, 0], np.random.RandomState(0).beta(0.3, 0.3, 7))


def test_a_range_of_alpha_is_drawn_once_a_batch():
    low, high = 0.5, 2.0
    method = MixUp((low, high))
    # The variance of lam within one call is that of one alpha, and differs from call to call.
    spread = [method.draw(np.random.RandomState(i), 4000, 8, 8).weights[:, 0].var() for i in range(300)]
    alphas = (1 / (4 * np.array(spread)) - 1) / 2
    assert stats.kstest(alphas, stats.uniform(low, high - low).cdf).pvalue > REJECT
    first = np.array([method.draw(np.random.RandomState(i), 1, 8, 8).weights[0, 0] for i in range(5000)])
    grid = np.linspace(0.05, 0.95, 10)
    mixture = [
        integrate.quad(lambda a, x=x: stats.beta(a, a).cdf(x), low, high)[0] / (high - low) for x in grid
    ]
    np.testing.assert_allclose([(first <= x).mean() for x in grid], mixture, atol=4 * 0.5 / np.sqrt(5000))


def test_folded_weights_favour_the_own_image(draw):
    lam = draw(MixUp(0.75, folded=True), N, 8, 8).weights[:, 0]
    assert lam.min() >= 0.5
    beta = stats.beta(0.75, 0.75)
    assert stats.kstest(lam, lambda x: np.clip(2 * beta.cdf(x) - 1, 0, 1)).pvalue > REJECT


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_folding_moves_weights_and_keeps_them(row):
    weights = np.array([row])
    folded = own_largest(weights)
    assert folded[0, 0] == weights.max()
    assert sorted(folded[0]) == sorted(weights[0])


def test_constant_weight(draw):
    assert (draw(MixUp(lam=0.7), 10, 8, 8).weights == [0.7, 1 - 0.7]).all()


def test_identity_leaves_pixel_and_label_weights_one(draw):
    assert draw(MixUp(0.4), 10, 8, 8).pixel_weights is None


@pytest.mark.parametrize(
    ("label_map", "expected"),
    [
        ("smoothstep", lambda lam: 3 * lam**2 - 2 * lam**3),
        ("majority", lambda lam: (lam >= 0.5).astype(float)),
        (("polynomial", 0, 0, 1), lambda lam: lam**2),
        (["polynomial", 0.25, 0.5], lambda lam: 0.25 + lam / 2),
        (("constant", 0.6), lambda lam: np.full(len(lam), 0.6)),
        (np.sqrt, np.sqrt),
    ],
)
def test_label_weights_follow_their_map_and_pixels_do_not(draw, label_map, expected):
    plain, mapped = draw(MixUp(0.8), 1000, 8, 8), draw(MixUp(0.8, label_map=label_map), 1000, 8, 8)
    np.testing.assert_array_equal(mapped.pixel_weights, plain.weights)
    np.testing.assert_allclose(mapped.weights[:, 0], expected(plain.weights[:, 0]), atol=1e-12)
    np.testing.assert_allclose(mapped.weights.sum(1), 1, atol=1e-12)


def test_independent_label_weights_are_independent(draw):
    draws = draw(MixUp(1.0, label_map=("independent", 0.4)), N, 8, 8)
    lam, other = draws.pixel_weights[:, 0], draws.weights[:, 0]
    assert stats.kstest(other, stats.beta(0.4, 0.4).cdf).pvalue > REJECT
    assert abs(stats.spearmanr(lam, other).statistic) < 4 / np.sqrt(N)


def test_same_side_label_weights_are_on_the_pixels_side_of_one_half(draw):
    draws = draw(MixUp(1.0, label_map=("same_side", 0.4)), N, 8, 8)
    lam, other = draws.pixel_weights[:, 0], draws.weights[:, 0]
    assert ((lam >= 0.5) == (other >= 0.5)).all()
    # Reflecting keeps how far from 1/2 it is, which is as far as Beta(0.4, 0.4) is.
    beta = stats.beta(0.4, 0.4)
    assert stats.kstest(abs(other - 0.5), lambda d: beta.cdf(0.5 + d) - beta.cdf(0.5 - d)).pvalue > REJECT


def test_majority_of_k_images_is_the_heaviest(draw):
    draws = draw(MixUp(0.5, k=4, label_map="majority"), 500, 8, 8)
    assert (draws.weights.argmax(1) == draws.pixel_weights.argmax(1)).all()
    assert (np.sort(draws.weights, axis=1) == [0, 0, 0, 1]).all()


def test_images_of_equal_weight_keep_the_own_label(draw):
    assert (draw(MixUp(lam=0.5, label_map="majority"), 3, 8, 8).weights == [1, 0]).all()


@pytest.mark.parametrize(
    "label_map",
    [
        ("polynomial", 0, 2),  # 2 at lam = 1
        ("polynomial", 0, 4.4, -4.4),  # inside at 0 and 1, 1.1 between
        ("polynomial", 0.2, -1.0, 0.9),  # below 0 between
        ("constant", 1.2),
        lambda lam: lam + 0.5,
        lambda lam: 0.5,
        lambda lam: lam * np.nan,
    ],
)
def test_label_weights_outside_0_and_1_are_refused_at_construction(label_map):
    with pytest.raises(ValueError, match="MixUp: label_map"):
        MixUp(label_map=label_map)


def test_a_function_that_leaves_0_and_1_between_the_checked_points_is_caught_when_drawn(draw):
    sneaky = MixUp(label_map=lambda lam: np.where(np.isin(lam, np.linspace(0, 1, 1001)), lam, 2.0))
    with pytest.raises(ValueError, match=r"is 2 at lam="):
        draw(sneaky, 3, 8, 8)


@pytest.mark.parametrize(
    "arguments",
    [
        {"label_map": "cubic"},
        {"label_map": ("polynomial",)},
        {"label_map": ()},
        {"label_map": ("independent", 0)},
        {"label_map": ("constant", 0.5, 0.5)},
        {"label_map": None},
        {"alpha": 0},
        {"alpha": (0.5, 0.2)},
        {"alpha": True},
        {"k": 1},
        {"k": 2.0},
        {"k": 3, "lam": 0.5},
        {"k": 3, "label_map": "smoothstep"},
        {"lam": 1.5},
        {"folded": 1},
    ],
)
def test_nonsense_is_refused(arguments):
    with pytest.raises((TypeError, ValueError), match="MixUp"):
        MixUp(**arguments)
