"""How good generated samples are: on a ring of Gaussians, and as digits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

MODES = 8


@dataclass(frozen=True)
class Ring:
    """Eight equally likely Gaussians on a circle.

    Args:
        radius: of the circle.
        deviation: standard deviation of each, along both axes.
    """

    radius: float = 2.0
    deviation: float = 0.1

    @property
    def means(self) -> Tensor:
        """(8, 2) the centres."""
        angles = torch.arange(MODES) * (2 * math.pi / MODES)
        return self.radius * torch.stack([angles.cos(), angles.sin()], dim=1)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, 2) points."""
        mode = torch.randint(MODES, (count,), generator=generator)
        return self.means[mode] + self.deviation * torch.randn(count, 2, generator=generator)

    def near(self, points: Tensor) -> Tensor:
        """(8,) shares of the points within three deviations of each centre; they add up to 0.989 for the ring's own."""
        return (torch.cdist(points, self.means) < 3 * self.deviation).double().mean(0)


def effective(histogram: Tensor) -> float:
    """exp of the entropy of a histogram: n for n equal classes, 1 for a single one."""
    shares = histogram.double() / histogram.sum()
    return float(torch.special.entr(shares).sum().exp())


def frechet(features: Tensor, others: Tensor) -> float:
    """Fréchet distance of two Gaussians with the moments of the features (N, D) and (M, D), as in Heusel et al. 2017
    (arXiv 1706.08500), equation 6: |m - m'|² + tr(C + C' - 2 (C C')^(1/2))."""
    a, b = features.double(), others.double()
    c, other = a.T.cov(), b.T.cov()
    # (C C')^(1/2) and (C^(1/2) C' C^(1/2))^(1/2) have the same trace, and the latter is of a symmetric matrix.
    values, vectors = torch.linalg.eigh(c)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    between = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + c.trace() + other.trace() - 2 * between)
