"""The games of two networks that the GAN claim compares, and their players."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.claims.networks import fully_connected
from dali_mixup import latent

Discriminator = nn.Sequential
"""(B, D) samples to (B, 1) logits of being real; the first two modules are its first layer."""


@dataclass(frozen=True)
class Game:
    """What the two players minimise: losses of the discriminator, the real samples, the generated ones and a source of
    random numbers."""

    discriminator: Callable[[Discriminator, Tensor, Tensor, torch.Generator], Tensor]
    generator: Callable[[Discriminator, Tensor, Tensor, torch.Generator], Tensor]


def as_real(logits: Tensor) -> Tensor:
    """Mean cross-entropy of logits against "real"."""
    return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))


def as_fake(logits: Tensor) -> Tensor:
    """Mean cross-entropy of logits against "generated"."""
    return F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))


def plain(d: Discriminator, real: Tensor, fake: Tensor, draws: torch.Generator) -> Tensor:
    """Goodfellow et al. 2014 (arXiv 1406.2661), equation 1, for the discriminator."""
    return (as_real(d(real)) + as_fake(d(fake))) / 2


def saturating(d: Discriminator, real: Tensor, fake: Tensor, draws: torch.Generator) -> Tensor:
    """Equation 1 for the generator: the negative of the discriminator's loss."""
    return -as_fake(d(fake))


def non_saturating(d: Discriminator, real: Tensor, fake: Tensor, draws: torch.Generator) -> Tensor:
    """The form that Goodfellow et al. use, in section 3: the generator wants its samples taken for real."""
    return as_real(d(fake))


def games(alpha: float) -> Mapping[str, Game]:
    """Arm -> game; alpha is that of mixup."""
    mix = latent.GanMixLoss(alpha)

    def mixed(d: Discriminator, real: Tensor, fake: Tensor, draws: torch.Generator) -> Tensor:
        return mix(d, real, fake, generator=draws)

    def against(d: Discriminator, real: Tensor, fake: Tensor, draws: torch.Generator) -> Tensor:
        return -mix(d, real, fake, generator=draws)

    manifold = latent.ManifoldGanLoss(alpha)

    def hidden(d: Discriminator, real: Tensor, fake: Tensor, draws: torch.Generator) -> Tensor:
        return manifold([d[:2], d[2:]], real, fake, generator=draws)

    return {
        "minimax": Game(plain, saturating),
        "minimax, mixup": Game(mixed, against),
        "non-saturating": Game(plain, non_saturating),
        "non-saturating, mixup": Game(mixed, non_saturating),
        "non-saturating, Manifold Mixup": Game(hidden, non_saturating),
    }


def network(widths: tuple[int, ...], seed: int) -> nn.Sequential:
    """Fully connected layers with leaky ReLU between them, as is usual for GANs."""
    return fully_connected(widths, seed, lambda: nn.LeakyReLU(0.2))


class Players:
    """Two networks and their optimisers, Adam with first moments of 0.5 as is usual for GANs.

    Args:
        game: what they play.
        generator: (B, Z) noise to (B, D) samples.
        discriminator: (B, D) samples to (B, 1) logits.
        lr: learning rate of both.
    """

    def __init__(self, game: Game, generator: nn.Module, discriminator: Discriminator, lr: float) -> None:
        self.game, self.generator, self.discriminator = game, generator, discriminator
        self.optimizers = [
            torch.optim.Adam(model.parameters(), lr=lr, betas=(0.5, 0.999))
            for model in (discriminator, generator)
        ]

    def step(self, real: Tensor, noise: Tensor, address: int, seed: int) -> None:
        """One step of the discriminator and then one of the generator, with the same noise."""
        fake = self.generator(noise)
        losses = (self.game.discriminator, fake.detach()), (self.game.generator, fake)
        for optimizer, (loss_of, samples) in zip(self.optimizers, losses, strict=True):
            draws = latent.step_generator(seed, step=address)
            loss = loss_of(self.discriminator, real, samples, draws)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    @torch.no_grad()
    def samples(self, noise: Tensor) -> Tensor:
        """(B, D) generated samples; the networks have no mode of evaluation."""
        made: Tensor = self.generator(noise)
        return made
