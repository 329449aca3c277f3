"""The games' losses and the scores of generated samples, against formulas written out and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import nn

from benchmarks.claims.zhang.games import Players, games, network
from benchmarks.claims.zhang.generated import MODES, Ring, effective, frechet
from dali_mixup import latent

REAL, FAKE = (torch.randn(6, 2, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))


def draws() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def likelihood(logits: torch.Tensor, real: float) -> float:
    """Mean of real log p + (1 - real) log(1 - p), sample by sample."""
    ps = [1 / (1 + math.exp(-logit)) for logit in logits.flatten().tolist()]
    return sum(real * math.log(p) + (1 - real) * math.log(1 - p) for p in ps) / len(ps)


def test_the_plain_games_are_goodfellows() -> None:
    d = network((2, 8, 1), 0)
    value = likelihood(d(REAL), 1.0) + likelihood(d(FAKE), 0.0)
    known = games(0.2)
    for name in ("minimax", "non-saturating"):
        found = known[name].discriminator(d, REAL, FAKE, draws())
        assert found.item() == pytest.approx(-value / 2, rel=1e-5)
    minimax, other = (known[name].generator(d, REAL, FAKE, draws()) for name in ("minimax", "non-saturating"))
    assert minimax.item() == pytest.approx(likelihood(d(FAKE), 0.0), rel=1e-5)
    assert other.item() == pytest.approx(-likelihood(d(FAKE), 1.0), rel=1e-5)


def test_mixups_players_want_the_opposite() -> None:
    d, game = network((2, 8, 1), 0), games(0.2)["minimax, mixup"]
    found = game.discriminator(d, REAL, FAKE, draws())
    assert found.item() == latent.GanMixLoss(0.2)(d, REAL, FAKE, generator=draws()).item()
    assert game.generator(d, REAL, FAKE, draws()).item() == -found.item()


def test_manifold_mixup_mixes_the_input_or_the_first_hidden_layer() -> None:
    d, game = network((2, 8, 8, 1), 0), games(0.2)["non-saturating, Manifold Mixup"]
    loss = latent.ManifoldGanLoss(0.2)
    chosen = set()
    for seed in range(8):
        k, lam = loss.draw(6, 2, generator=torch.Generator().manual_seed(seed))
        before, after = (nn.Identity(), d) if k == 0 else (nn.Sequential(d[0], d[1]), nn.Sequential(*d[2:]))
        between = lam[:, None] * before(REAL) + (1 - lam[:, None]) * before(FAKE)
        expected = likelihood(d(REAL), 1.0) + likelihood(d(FAKE), 0.0) + likelihood(after(between), 0.0)
        found = game.discriminator(d, REAL, FAKE, torch.Generator().manual_seed(seed))
        assert found.item() == pytest.approx(-expected, rel=1e-5)
        chosen.add(k)
    assert chosen == {0, 1}


def test_a_step_is_one_of_each_player() -> None:
    """Against two optimisers written out, for two steps: what the generator's step leaves in the discriminator's
    gradients must not count."""
    game = games(0.2)["non-saturating"]
    pair = Players(game, network((2, 8, 2), 1), network((2, 8, 1), 2), lr=0.01)
    g, d = network((2, 8, 2), 1), network((2, 8, 1), 2)
    of_g, of_d = (torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.5, 0.999)) for model in (g, d))
    for step in (1, 2):
        pair.step(REAL, FAKE, step, seed=0)
        for optimizer, loss_of in ((of_d, game.discriminator), (of_g, game.generator)):
            g.zero_grad()
            d.zero_grad()
            loss_of(d, REAL, g(FAKE), draws()).backward()
            optimizer.step()
    torch.testing.assert_close(pair.samples(FAKE), g(FAKE).detach())
    torch.testing.assert_close(pair.discriminator(REAL), d(REAL))


def test_frechet_distance_is_that_of_scipys_matrix_root() -> None:
    rng = np.random.RandomState(0)
    a, b = rng.randn(200, 5) @ rng.randn(5, 5), rng.randn(300, 5) @ rng.randn(5, 5) + 1.0
    c, other = np.cov(a.T), np.cov(b.T)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(c + other - 2 * sqrtm(c @ other).real)
    assert frechet(torch.from_numpy(a), torch.from_numpy(b)) == pytest.approx(expected, rel=1e-9)
    assert frechet(torch.from_numpy(a), torch.from_numpy(a)) == pytest.approx(0.0, abs=1e-9)


def test_frechet_distance_of_features_that_do_not_vary() -> None:
    ones = torch.ones(50, 3)
    assert frechet(ones, 3 * ones) == pytest.approx(12.0)  # the means alone: three times 2²


def test_effective_number_of_classes() -> None:
    assert effective(torch.tensor([7, 7, 7, 0])) == pytest.approx(3.0)
    assert effective(torch.tensor([5, 0, 0])) == pytest.approx(1.0)
    assert effective(torch.tensor([1, 3])) == pytest.approx(4 / 27**0.25)  # 0.25^-0.25 · 0.75^-0.75


def test_the_ring_is_near_itself_and_covers_its_modes() -> None:
    ring = Ring()
    points = ring.draw(8000, torch.Generator().manual_seed(0))
    near = ring.near(points)
    # Within three deviations in two dimensions: 1 - exp(-9 / 2). Five standard errors of 8000 draws are 0.006.
    assert near.sum().item() == pytest.approx(1 - math.exp(-4.5), abs=0.006)
    assert (near - 1 / MODES).abs().max() < 0.02
    torch.testing.assert_close(ring.means.norm(dim=1), torch.full((8,), 2.0))
    one = ring.near(ring.means[:1].expand(10, 2))
    assert one[0] == 1 and one[1:].sum() == 0
