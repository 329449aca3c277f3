"""Laws, reproducibility and device rule of the draws."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.latent import ManifoldGanLoss, ManifoldMixup
from dali_mixup.latent.draws import (
    beta,
    dirichlet,
    permutation,
    step_generator,
    subsets,
    tuple_weights,
    uniform,
)

# Every statistical test below rejects a correct sampler with probability < 1e-4; seeds are fixed.


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_torchs_default_device_does_not_matter():
    """The stages and layers are chosen on the host, from a generator there."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    loss, mixup = ManifoldGanLoss(alpha=0.2), ManifoldMixup(model, ["0", "1"])
    expected = loss.draw(4, 3, generator=gen()), mixup.draw(4, generator=gen())
    with torch.device("meta"):
        found = loss.draw(4, 3, generator=gen()), mixup.draw(4, generator=gen())
    assert str(found) == str(expected) and "meta" not in str(found)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_beta_follows_its_law(alpha):
    lam = beta(alpha, (20_000,), generator=gen(), dtype=torch.float64).numpy()
    assert scipy.stats.kstest(lam, scipy.stats.beta(alpha, alpha).cdf).pvalue > 1e-4


def test_a_folded_beta_is_the_larger_half():
    lam = beta(0.75, (20_000,), fold=True, generator=gen(), dtype=torch.float64)
    plain = beta(0.75, (20_000,), generator=gen(), dtype=torch.float64)
    assert torch.equal(lam, torch.maximum(plain, 1 - plain)) and float(lam.min()) >= 0.5


@pytest.mark.parametrize(("alpha", "k"), [(0.5, 3), (1.0, 4), (2.0, 5)])
def test_dirichlet_has_beta_marginals_and_the_right_covariance(alpha, k):
    w = dirichlet(alpha, (20_000, k), generator=gen(), dtype=torch.float64).numpy()
    np.testing.assert_allclose(w.sum(1), 1.0, atol=1e-12)
    for j in range(k):
        assert scipy.stats.kstest(w[:, j], scipy.stats.beta(alpha, alpha * (k - 1)).cdf).pvalue > 1e-4 / k
    np.testing.assert_allclose(np.cov(w.T), scipy.stats.dirichlet([alpha] * k).cov(), atol=0.004)


def test_tiny_alpha_gives_no_nan_and_no_artificial_ties():
    for alpha in (1e-2, 1e-4):
        lam = beta(alpha, (20_000,), generator=gen())
        assert bool(torch.isfinite(lam).all()) and not bool((lam == 0.5).any())
        assert abs(float(lam.mean()) - 0.5) < 0.016  # s.d. of the mean 0.0035
    weights = dirichlet(0.01, (200, 128), generator=gen())
    torch.testing.assert_close(weights.sum(1), torch.ones(200), atol=1e-6, rtol=0)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_effective_number_of_samples_in_a_whole_batch_tuple(alpha):
    m = 128
    w = tuple_weights(m, 4000, m, alpha, generator=gen(), dtype=torch.float64)
    expected = (m * alpha + 1) / (alpha + 1)  # 1 / E[sum w^2]
    assert abs(1 / float(w.square().sum(1).mean()) / expected - 1) < 0.01
    stated = {0.5: (0.063, 44), 1.0: (0.043, 65), 2.0: (0.030, 86)}[alpha]  # E[max], effective number
    assert abs(float(w.max(1).values.mean()) - stated[0]) < 0.0015
    assert abs(expected - stated[1]) < 1


def test_tuples_use_m_distinct_samples_and_every_sample_equally():
    w = tuple_weights(10, 5000, 3, 1.0, generator=gen(), dtype=torch.float64)
    used = w > 0
    assert used.sum(1).eq(3).all()
    torch.testing.assert_close(w.sum(1), torch.ones(5000, dtype=torch.float64))
    counts = used.sum(0).double()  # each ~ Bin(5000, 0.3): s.d. 32.4; ten within 4.6 s.d. (p < 5e-5)
    assert float((counts - 1500).abs().max()) < 150


def test_subsets_are_equally_likely():
    picks = subsets(12_000, 2, 4, generator=gen()).sort(1).values
    counts = np.unique(picks.numpy(), axis=0, return_counts=True)[1]
    assert len(counts) == 6 and scipy.stats.chisquare(counts).pvalue > 1e-4


def test_uniform_stays_in_its_range():
    draws = torch.stack([uniform(0.5, 2.0, generator=g) for g in map(gen, range(500))])
    assert scipy.stats.kstest(draws.numpy(), scipy.stats.uniform(0.5, 1.5).cdf).pvalue > 1e-4


def test_equal_generators_draw_equally_and_the_global_stream_is_left_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = [dirichlet(1.0, (3, 4), generator=gen(7)), permutation(9, generator=gen(7)).float()]
    second = [dirichlet(1.0, (3, 4), generator=gen(7)), permutation(9, generator=gen(7)).float()]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_step_generators_are_addresses():
    addresses = [{}, {"rank": 1}, {"epoch": 1}, {"step": 1}]
    draws = [torch.rand(8, generator=step_generator(3, **address)) for address in addresses]
    assert all(not torch.equal(draws[i], draws[j]) for i in range(4) for j in range(i))
    assert torch.equal(draws[3], torch.rand(8, generator=step_generator(3, step=1)))
    # Pinned: a resumed run must draw what it would have drawn, in every later version too.
    assert step_generator(3, rank=1, epoch=2, step=5).initial_seed() == 4481907084178758200


def test_addresses_are_whole_numbers_from_0():
    for name in ("seed", "rank", "epoch", "step"):
        for bad, error in ((-1, ValueError), (1.5, TypeError), (True, TypeError), (None, TypeError)):
            with pytest.raises(error, match=f"step_generator: {name}={bad}.*expected an integer >= 0"):
                step_generator(**{"seed": 1, name: bad})
    same = step_generator(np.int64(3), rank=np.int32(1), epoch=2, step=5)
    assert same.initial_seed() == step_generator(3, rank=1, epoch=2, step=5).initial_seed()


@pytest.mark.parametrize(
    "alpha", [-1.0, 0.0, float("nan"), float("inf"), 1e-310, torch.tensor(-1.0), torch.ones(2)]
)
def test_alphas_without_a_law_are_refused(alpha):
    with pytest.raises(ValueError, match="dirichlet: alpha="):
        dirichlet(alpha, (3, 2))


@given(exponent=st.floats(-29.9, 29.9), k=st.integers(1, 5), tensor=st.booleans())
def test_every_other_alpha_gives_weights(exponent, k, tensor):
    alpha = 10.0**exponent
    weights = dirichlet(
        torch.tensor(alpha, dtype=torch.float64) if tensor else alpha, (4, k), generator=gen()
    )
    assert bool((weights >= 0).all())
    torch.testing.assert_close(weights.sum(1), torch.ones(4))


def test_weights_need_an_axis_and_a_floating_type():
    with pytest.raises(ValueError, match=r"shape=\(\), expected at least one axis"):
        dirichlet(1.0, ())
    with pytest.raises(TypeError, match=r"dtype=torch.int64, expected a floating torch.dtype"):
        dirichlet(1.0, (3, 2), dtype=torch.int64)


@pytest.mark.gpu
def test_a_cpu_generator_gives_the_same_weights_on_the_gpu():
    here = tuple_weights(16, 8, 3, 1.0, generator=gen())
    there = tuple_weights(16, 8, 3, 1.0, device="cuda", generator=gen())
    assert there.is_cuda and torch.equal(here, there.cpu())


@pytest.mark.gpu
def test_a_cuda_generator_draws_on_the_gpu():
    g = step_generator(0, device="cuda")
    weights = dirichlet(1.0, (1000, 64), device="cuda", generator=g)
    assert weights.is_cuda and abs(float(weights.square().sum(1).mean()) - 2 / 65) < 1e-3
