"""The networks: a small residual one for photographs of 64 pixels, or any of torchvision's by name."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

SMALL = "small"


class Residual(nn.Module):
    """He et al. 2016 (arXiv 1512.03385), figure 2, of two 3x3 convolutions, the first of which halves the side:
    (N, before, H, W) to (N, after, H / 2, W / 2)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, 2, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, 2, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def small(num_classes: int, widths: tuple[int, ...] = (16, 32, 64, 128)) -> nn.Sequential:
    """A strided convolution and a residual block per further width; (N, 3, H, W) to (N, num_classes)."""
    return nn.Sequential(
        nn.Conv2d(3, widths[0], 3, 2, 1, bias=False),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(inplace=True),
        *(Residual(before, after) for before, after in pairwise(widths)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(widths[-1], num_classes),
    )


def network(name: str, num_classes: int, seed: int) -> nn.Module:
    """The network on the CPU, without pretrained weights; the same first weights for the same seed.

    Args:
        name: `SMALL` or a classifier of torchvision, such as "resnet50".

    Raises:
        ValueError: torchvision has no classifier of that name.
    """
    import torchvision

    known = torchvision.models.list_models(module=torchvision.models)
    if name not in (SMALL, *known):
        raise ValueError(
            f"equivalence: model={name!r}, expected {SMALL!r} or one of torchvision's: {', '.join(known)}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name == SMALL:
            return small(num_classes)
        return torchvision.models.get_model(name, weights=None, num_classes=num_classes)
