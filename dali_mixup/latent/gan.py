"""Mixup for adversarial training: mixtures of real and generated samples for the discriminator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup._checks import concentration, integer
from dali_mixup.latent.draws import beta, dirichlet, drawn_on
from dali_mixup.latent.mixing import check_floating, compute_dtype
from dali_mixup.targets import check_tensor

Stage = Callable[[Tensor], Tensor]


class GanMixLoss:
    """The GAN objective of mixup (Zhang et al., arXiv 1710.09412, "Stabilization of GANs"):

        max_g min_d E[ BCE(d(lam x + (1 - lam) g(z)), lam) ],   lam ~ Beta(alpha, alpha) per sample

    The discriminator minimises the value with `fake.detach()`; the generator minimises its negative. Manifold Mixup's
    authors report that this form did not work well for them; theirs is `ManifoldGanLoss`. Use it for study; stability
    is not guaranteed.

    Args:
        alpha: parameter of the Beta law, > 0 (0.2 in the paper's two-dimensional example).

    Example:
        >>> mix = GanMixLoss(alpha=0.2)
        >>> d_loss = mix(discriminator, real, generator(z).detach())
        >>> g_loss = -mix(discriminator, real, generator(z))
    """

    def __init__(self, alpha: float = 0.2) -> None:
        self.alpha = concentration("GanMixLoss", "alpha", alpha)

    def __call__(
        self,
        discriminator: Callable[[Tensor], Tensor],
        real: Tensor,
        fake: Tensor,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The value of one step, a 0-d tensor.

        Args:
            discriminator: from (B, ...) to B logits, (B,) or (B, 1).
            real, fake: (B, ...) floating, of one shape.
            generator: generator of random numbers, see `dali_mixup.latent.draws`.

        Raises:
            TypeError: real or fake that are not floating.
            ValueError: real and fake of different shapes, or another number of logits than B.
        """
        _check_pair("GanMixLoss", real, fake)
        lam = beta(
            self.alpha, (len(real),), device=real.device, dtype=compute_dtype(real), generator=generator
        )
        return _cross_entropy("GanMixLoss", discriminator(_between(lam, real, fake)), lam)


class ManifoldGanLoss:
    """The discriminator's objective of Manifold Mixup (Verma et al., arXiv 1806.05236, and its code, gan/mugan.py): the
    usual one, and mixtures of real and generated samples, pixels or hidden states, that count as generated.

        BCE(d(x), 1) + BCE(d(g(z)), 0) + BCE(d_k(lam h_k(x) + (1 - lam) h_k(g(z))), 0)

    lam is min(b, 1 - b) with b ~ Beta(alpha, alpha) per sample, so the generated sample never has the smaller share;
    h_k is the discriminator before its stage k and d_k the rest, k uniform and one per step. No gradient reaches the
    generator, which is trained as without mixup: the authors minimise BCE(d(g(z)), 1).

    Args:
        alpha: parameter of the Beta law, > 0 (0.2 in the authors' code).

    Example:
        >>> stages = [nn.Sequential(nn.Linear(2, 8), nn.ReLU()), nn.Linear(8, 1)]
        >>> loss = ManifoldGanLoss(alpha=0.2)(stages, torch.randn(4, 2), torch.randn(4, 2))
        >>> loss.shape
        torch.Size([])
    """

    def __init__(self, alpha: float = 0.2) -> None:
        self.alpha = concentration("ManifoldGanLoss", "alpha", alpha)

    def __call__(
        self,
        discriminator: Stage | Sequence[Stage] | nn.ModuleList,
        real: Tensor,
        fake: Tensor,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The loss of one step, a 0-d tensor.

        Args:
            discriminator: from (B, ...) to B logits, (B,) or (B, 1): pixels are mixed. Or a list of its stages,
                also an `nn.ModuleList`, each of which takes what the one before returns, (B, ...): the input of one of
                them is mixed. Two stages are the authors' "vh1", three their "vh2".
            real, fake: (B, ...) floating, of one shape.
            generator: generator of random numbers, see `dali_mixup.latent.draws`; with several stages on the CPU, since
                the host chooses one.

        Raises:
            TypeError: real or fake that are not floating, a stage that cannot be called.
            ValueError: real and fake of different shapes, no stage, another number of logits than B, or a generator on
                a GPU with several stages.
        """
        _check_pair("ManifoldGanLoss", real, fake)
        stages = _stages(discriminator)
        k, lam = self.draw(len(real), len(stages), device=real.device, generator=generator)
        before = [_through(stages[:k], samples) for samples in (real, fake.detach())]
        ends = [*before, _between(lam, *before)]
        # Real ones count as real; generated ones and mixtures as generated.
        terms = [
            _cross_entropy("ManifoldGanLoss", _through(stages[k:], end), torch.full_like(lam, is_real))
            for end, is_real in zip(ends, (1.0, 0.0, 0.0), strict=True)
        ]
        return torch.stack(terms).sum()

    def draw(
        self,
        batch: int,
        stages: int = 1,
        *,
        device: torch.device | str = "cpu",
        generator: torch.Generator | None = None,
    ) -> tuple[int, Tensor]:
        """The stage whose input is mixed, from 0, and the real samples' weights, (batch,) float32 in [0, 1/2]."""
        integer("ManifoldGanLoss", "batch", batch, at_least=0)
        if integer("ManifoldGanLoss", "stages", stages, at_least=0) == 0:
            raise ValueError("ManifoldGanLoss: the discriminator has no stages, expected at least one")
        if stages > 1 and generator is not None and drawn_on("cpu", generator).type != "cpu":
            raise ValueError(
                f"ManifoldGanLoss: generator on {generator.device} with {stages} stages, expected one on the CPU: the "
                "stage is chosen by the host, and reading the choice back from a GPU would wait for it"
            )
        k = int(torch.randint(stages, (), device="cpu", generator=generator)) if stages > 1 else 0
        return k, dirichlet(self.alpha, (batch, 2), device=device, generator=generator).amin(1)


def _check_pair(owner: str, real: Tensor, fake: Tensor) -> None:
    for name, samples in (("real", real), ("fake", fake)):
        check_floating(owner, name, samples)
    if real.shape != fake.shape:
        raise ValueError(
            f"{owner}: real {tuple(real.shape)} and fake {tuple(fake.shape)}, expected one shape"
        )


def _stages(discriminator: Stage | Sequence[Stage] | nn.ModuleList) -> list[Stage]:
    # An nn.ModuleList can be called as every module can, but has no forward.
    stages: list[Any] = [discriminator]
    if isinstance(discriminator, (Sequence, nn.ModuleList)):
        stages = list(discriminator)
    for stage in stages:
        if not callable(stage):
            raise TypeError(
                f"ManifoldGanLoss: discriminator with {stage!r}, expected a network or a list of its stages"
            )
    return stages


def _through(stages: Sequence[Stage], samples: Tensor) -> Tensor:
    for stage in stages:
        samples = stage(samples)
    return samples


def _between(lam: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """lam * real + (1 - lam) * fake in the dtype of `real`, with one lam for each sample."""
    own = lam.to(compute_dtype(real)).reshape(-1, *[1] * (real.dim() - 1))
    return (own * real + (1.0 - own) * fake).to(real.dtype)


def _cross_entropy(owner: str, logits: Tensor, target: Tensor) -> Tensor:
    """Mean binary cross-entropy of B logits with targets (B,), in at least float32."""
    check_tensor(owner, "the discriminator's output", logits)
    if logits.numel() != len(target):
        raise ValueError(
            f"{owner}: the discriminator returned {tuple(logits.shape)} for {len(target)} samples, expected one "
            "logit each"
        )
    dtype = torch.promote_types(compute_dtype(logits), target.dtype)
    return F.binary_cross_entropy_with_logits(logits.reshape(-1).to(dtype), target.to(dtype))
