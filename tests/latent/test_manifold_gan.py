"""ManifoldGanLoss against Manifold Mixup's published code, gan/mugan.py, written out sample by sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from dali_mixup.latent import ManifoldGanLoss

B, D = 6, 3
REJECT = 1e-3  # of a true law, per test; the seeds are fixed


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def case() -> tuple[list[nn.Module], Tensor, Tensor]:
    """Three stages with the widths 3, 5, 4 and 1, and two batches."""
    torch.manual_seed(0)
    stages = [nn.Sequential(nn.Linear(D, 5), nn.Tanh()), nn.Sequential(nn.Linear(5, 4), nn.Tanh())]
    real, fake = torch.randn(2, B, D, dtype=torch.float64)
    return [stage.double() for stage in (*stages, nn.Linear(4, 1))], real, fake


def published(stages: Any, real: Tensor, fake: Tensor, idx: int, lam: list[float]) -> float:
    """`_train_on_instance_mixup_hidden`: alpha is the weight of the real sample's hidden state, and all three terms are
    means of `torch.nn.BCELoss` over the batch."""

    def partial_forward(hidden: Tensor, first: int) -> float:
        for stage in stages[first:]:
            hidden = stage(hidden)
        return 1 / (1 + math.exp(-hidden.item()))

    def hidden_states(sample: Tensor) -> list[Tensor]:
        found = [sample]
        for stage in stages[:-1]:
            found.append(stage(found[-1]))
        return found

    total = 0.0
    for alpha, x, gz in zip(lam, real, fake, strict=True):
        hs_real, hs_fake = hidden_states(x), hidden_states(gz)
        d_real, d_fake = partial_forward(x, 0), partial_forward(gz, 0)
        d_xz = partial_forward(alpha * hs_real[idx] + (1.0 - alpha) * hs_fake[idx], idx)
        total -= math.log(d_real) + math.log(1 - d_fake) + math.log(1 - d_xz)
    return total / len(lam)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_loss_agrees_with_loops(count: int) -> None:
    stages, real, fake = case()
    joined = [*stages[: count - 1], nn.Sequential(*stages[count - 1 :])]
    seen = set()
    for seed in range(12):
        loss = ManifoldGanLoss(0.2)
        idx, lam = loss.draw(B, count, generator=gen(seed))
        expected = published(joined, real, fake, idx, lam.double().tolist())
        assert abs(loss(joined, real, fake, generator=gen(seed)).item() - expected) < 1e-10
        seen.add(idx)
    assert seen == set(range(count))


def test_a_single_network_mixes_pixels() -> None:
    stages, real, fake = case()
    whole = nn.Sequential(*stages)
    loss = ManifoldGanLoss(1.0)
    alone, listed = (loss(given, real, fake, generator=gen(2)) for given in (whole, [whole]))
    flat = loss(lambda x: whole(x)[:, 0], real, fake, generator=gen(2))
    assert alone.item() == listed.item() == flat.item()
    idx, lam = loss.draw(B, generator=gen(2))
    assert idx == 0
    assert abs(alone.item() - published([whole], real, fake, 0, lam.double().tolist())) < 1e-10


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_the_real_samples_have_the_smaller_weight(alpha: float) -> None:
    """`sample_lambda`: alpha = np.random.beta(self.alpha, self.alpha); alpha = min(alpha, 1.-alpha)."""
    lam = ManifoldGanLoss(alpha).draw(20_000, generator=gen(1))[1].numpy()
    assert lam.min() >= 0 and lam.max() <= 0.5
    drawn = np.random.RandomState(0).beta(alpha, alpha, 20_000)
    assert stats.ks_2samp(lam, np.minimum(drawn, 1 - drawn)).pvalue > REJECT


def test_stages_may_be_a_module_list() -> None:
    stages, real, fake = case()
    loss = ManifoldGanLoss(0.2)
    for seed in range(4):
        given = (stages, tuple(stages), nn.ModuleList(stages))
        assert len({loss(each, real, fake, generator=gen(seed)).item() for each in given}) == 1
    with pytest.raises(ValueError, match="no stages"):
        loss(nn.ModuleList(), real, fake)


@pytest.mark.parametrize("given", [None, [None], [nn.Identity(), 3], "vh1"])
def test_what_cannot_be_called_is_refused_as_a_stage(given: Any) -> None:
    _, real, fake = case()
    with pytest.raises(
        TypeError, match=r"ManifoldGanLoss: discriminator .*expected a network or a list of its stages"
    ):
        ManifoldGanLoss()(given, real, fake)


def test_stages_are_uniform() -> None:
    loss, g = ManifoldGanLoss(), gen(3)
    counts = np.bincount([loss.draw(1, 3, generator=g)[0] for _ in range(3000)])
    assert stats.chisquare(counts).pvalue > REJECT


def test_stages_before_the_mixed_one_run_twice_and_the_rest_three_times() -> None:
    stages, real, fake = case()
    runs = [0, 0, 0]

    def counting(i: int) -> Callable[[Tensor], Tensor]:
        def stage(x: Tensor) -> Tensor:
            runs[i] += 1
            return stages[i](x)  # type: ignore[no-any-return]

        return stage

    loss = ManifoldGanLoss()
    seed = next(s for s in range(50) if loss.draw(B, 3, generator=gen(s))[0] == 1)
    loss([counting(i) for i in range(3)], real, fake, generator=gen(seed))
    assert runs == [2, 3, 3]


def test_the_gradient_is_the_discriminators_alone() -> None:
    stages, real, fake = case()
    fake.requires_grad_()
    loss = ManifoldGanLoss()
    seed = next(s for s in range(50) if loss.draw(B, 3, generator=gen(s))[0] == 2)
    loss(stages, real, fake, generator=gen(seed)).backward()
    assert fake.grad is None
    weight = stages[0][0].weight  # type: ignore[index]
    # Through the hidden states of the mixtures too: a difference quotient of the published formula.
    lam = loss.draw(B, 3, generator=gen(seed))[1].double().tolist()
    change = torch.zeros_like(weight)
    change[1, 2] = 1e-6
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * change
        values.append(published(stages, real, fake.detach(), 2, lam))
        with torch.no_grad():
            weight -= sign * change
    assert abs(weight.grad[1, 2].item() - (values[0] - values[1]) / 2e-6) < 1e-7


def test_half_precision_is_computed_in_float32() -> None:
    stages, real, fake = case()
    half = [stage.bfloat16() for stage in stages]
    value = ManifoldGanLoss()(half, real.bfloat16(), fake.bfloat16(), generator=gen(1))
    assert value.dtype == torch.float32
    exact = ManifoldGanLoss()([stage.double() for stage in half], real, fake, generator=gen(1))
    torch.testing.assert_close(value.double(), exact, atol=0.05, rtol=0.05)


def test_bad_calls_are_refused() -> None:
    def first(x: Tensor) -> Tensor:
        return x

    with pytest.raises(ValueError, match=r"ManifoldGanLoss: real \(2, 3\).*expected one shape"):
        ManifoldGanLoss()(first, torch.zeros(2, 3), torch.zeros(3, 3))
    with pytest.raises(ValueError, match=r"ManifoldGanLoss: the discriminator returned .*one logit each"):
        ManifoldGanLoss()(first, torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="no stages"):
        ManifoldGanLoss()([], torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="ManifoldGanLoss: alpha=0"):
        ManifoldGanLoss(0)


@pytest.mark.gpu
def test_a_stage_is_chosen_on_the_host() -> None:
    on_gpu = torch.Generator(device="cuda")
    with pytest.raises(ValueError, match=r"generator on cuda.* with 2 stages, expected one on the CPU"):
        ManifoldGanLoss().draw(B, 2, generator=on_gpu)
    assert ManifoldGanLoss().draw(B, device="cuda", generator=on_gpu)[1].device.type == "cuda"
