from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dali_mixup.latent import GanMixLoss, ManifoldGanLoss
from dali_mixup.latent.draws import beta

B, D = 6, 3


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("keep_axis", [True, False])
def test_the_value_agrees_with_loops(keep_axis):
    torch.manual_seed(0)
    real, fake = torch.randn(2, B, D, 1, dtype=torch.float64)
    weight = torch.randn(D, dtype=torch.float64)
    lam = beta(0.2, (B,), dtype=torch.float64, generator=gen(1))

    def discriminator(x: torch.Tensor) -> torch.Tensor:
        logits = x[:, :, 0] @ weight
        return logits.unsqueeze(1) if keep_axis else logits

    total = 0.0
    for i in range(B):
        logit = float((lam[i] * real[i, :, 0] + (1 - lam[i]) * fake[i, :, 0]) @ weight)
        p = 1 / (1 + math.exp(-logit))
        total -= float(lam[i]) * math.log(p) + (1 - float(lam[i])) * math.log(1 - p)
    assert abs(GanMixLoss(0.2)(discriminator, real, fake, generator=gen(1)).item() - total / B) < 1e-10


def test_gradients_reach_the_generator_and_are_those_of_the_values():
    torch.manual_seed(0)
    real, fake = torch.randn(2, B, D, dtype=torch.float64)
    net = nn.Sequential(nn.Linear(D, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    assert torch.autograd.gradcheck(
        lambda f: GanMixLoss(1.0)(net, real, f, generator=gen(2)), (fake.requires_grad_(),)
    )


def test_an_extreme_alpha_is_the_plain_gan_loss():
    torch.manual_seed(0)
    real, fake = torch.randn(2, 400, D)
    lam = beta(1e-3, (400,), generator=gen(5))
    is_real = lam > 0.5
    logits = torch.where(is_real.unsqueeze(1), real, fake).sum(1)
    plain = F.binary_cross_entropy_with_logits(logits, is_real.float())
    value = GanMixLoss(1e-3)(lambda x: x.sum(1), real, fake, generator=gen(5))
    torch.testing.assert_close(value, plain, atol=2e-2, rtol=2e-2)


def test_bad_calls_are_refused():
    with pytest.raises(ValueError, match="expected one shape"):
        GanMixLoss()(lambda x: x, torch.zeros(2, 3), torch.zeros(3, 3))
    with pytest.raises(ValueError, match="one logit each"):
        GanMixLoss()(lambda x: x, torch.zeros(2, 3), torch.zeros(2, 3))
    pixels, noise = torch.zeros(2, 3, dtype=torch.uint8), torch.zeros(2, 3)
    for loss in (GanMixLoss(), ManifoldGanLoss()):
        for name, pair in (("real", (pixels, noise)), ("fake", (noise, pixels))):
            with pytest.raises(TypeError, match=f"{type(loss).__name__}: {name} of type torch.uint8"):
                loss(lambda x: x.sum(1), *pair)
    for alpha in (0, 1e-310):
        with pytest.raises(ValueError, match=f"alpha={alpha}"):
            GanMixLoss(alpha)
        with pytest.raises(ValueError, match=f"alpha={alpha}"):
            ManifoldGanLoss(alpha)
    with pytest.raises(TypeError, match=r"stages=1\.5"):
        ManifoldGanLoss().draw(4, 1.5)
