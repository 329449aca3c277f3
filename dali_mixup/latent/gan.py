"""Mixup for adversarial training: the discriminator predicts the share of the real sample in a mixture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from dali_mixup._checks import number
from dali_mixup.latent.draws import beta
from dali_mixup.latent.mixing import compute_dtype


class GanMixLoss:
    """The GAN objective of mixup (Zhang et al., arXiv 1710.09412, "Stabilization of GANs"):

        max_g min_d E[ BCE(d(lam x + (1 - lam) g(z)), lam) ],   lam ~ Beta(alpha, alpha) per sample

    The discriminator minimises the value with `fake.detach()`; the generator minimises its negative. Manifold Mixup's
    authors report that this form did not work well for them: use it for study; stability is not guaranteed.

    Args:
        alpha: parameter of the Beta law, > 0 (0.2 in the paper's two-dimensional example).

    Example:
        >>> mix = GanMixLoss(alpha=0.2)
        >>> d_loss = mix(discriminator, real, generator(z).detach())
        >>> g_loss = -mix(discriminator, real, generator(z))
    """

    def __init__(self, alpha: float = 0.2) -> None:
        self.alpha = number("GanMixLoss", "alpha", alpha, above=0.0)

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
            real, fake: (B, ...) of one shape.
            generator: generator of random numbers, see `dali_mixup.latent.draws`.
        """
        if real.shape != fake.shape:
            raise ValueError(
                f"GanMixLoss: real {tuple(real.shape)} and fake {tuple(fake.shape)}, expected one shape"
            )
        dtype = compute_dtype(real)
        lam = beta(self.alpha, (len(real),), device=real.device, dtype=dtype, generator=generator)
        own = lam.reshape(-1, *[1] * (real.dim() - 1))
        logits = discriminator((own * real + (1.0 - own) * fake).to(real.dtype))
        if logits.numel() != len(real):
            raise ValueError(
                f"GanMixLoss: the discriminator returned {tuple(logits.shape)} for {len(real)} samples, expected one "
                "logit each"
            )
        return F.binary_cross_entropy_with_logits(logits.reshape(-1).to(dtype), lam)
