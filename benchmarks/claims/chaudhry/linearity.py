"""Chaudhry et al. 2022: the effect of mixup with labels on the linearity of the layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from benchmarks.claims.arms import as_mixed, unmixed
from benchmarks.claims.claim import Arms, Claim, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, outputs
from benchmarks.claims.networks import Perceptron
from benchmarks.claims.training import Training
from dali_mixup import MixPolicy, MixUp, latent

HIDDEN = ("layer 1", "layer 2", "layer 3")
GAPS = {**dict.fromkeys(HIDDEN, "linearity gap"), "softmax": "linearity gap"}


@dataclass(frozen=True)
class Linearity(Claim):
    """The gap of `LinearityProbe` on pairs of test digits, after training with and without mixup.

    Args:
        training: training of every arm.
    """

    training: Training = field(default_factory=Training)

    name: ClassVar[str] = "linearity"
    source: ClassVar[str] = "Chaudhry et al. 2022, arXiv 2210.16413"
    statement: ClassVar[str] = "with labels, mixup makes hidden layers less linear and the output more linear"
    metrics: ClassVar[Mapping[str, str]] = GAPS | {"test error": "%"}

    @property
    def directions(self) -> tuple[Direction, ...]:
        said = {
            ("softmax", ""): "supervised mixup makes the output more linear between two digits",
            ("layer 3", ""): "supervised mixup makes the last hidden layer less linear",
        }
        return tuple(
            Direction(metric, f"{high}{bn}", f"{low}{bn}", margin, says=said.get((metric, bn), ""))
            for bn in ("", ", BatchNorm")
            for metric, high, low, margin in (
                ("softmax", "ERM", "mixup", 0.03),
                *((layer, "mixup", "ERM", 0.0) for layer in HIDDEN),
            )
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        samples, test = self.training.split(seed)
        arms = {
            f"{name}{', BatchNorm' if bn else ''}": self.training.arm(self.training.network(seed, bn), see)
            for bn in (False, True)
            for name, see in (("ERM", unmixed), ("mixup", as_mixed))
        }
        policy = MixPolicy([MixUp(1.0)], granularity="sample")
        self.training.fit(digits.loader(samples, policy, self.training.batch_size, seed), arms)
        found: Arms = {}
        for name, arm in arms.items():
            assert isinstance(arm.model, Perceptron)
            logits = outputs(arm.model, digits.images[test])
            found[name] = gaps_of(arm.model, digits.images[test], seed) | {
                "test error": error(logits, digits.labels[test])
            }
        return Measured(found)


def gaps_of(model: Perceptron, images: Tensor, seed: int) -> dict[str, float]:
    """The linearity gap of every hidden layer and of the softmax, on as many random pairs as there are images, with
    weights uniform on the simplex."""
    generator = torch.Generator().manual_seed(seed)
    partners = torch.stack(
        [torch.arange(len(images)), torch.randperm(len(images), generator=generator)], dim=1
    )
    probe = latent.LinearityProbe(model, model.layers)
    probe.update(images, partners, latent.dirichlet(1.0, tuple(partners.shape), generator=generator))
    gaps = probe.gaps()
    return {f"layer {i}": gaps[layer] for i, layer in enumerate(model.layers, 1)} | {
        "softmax": gaps["softmax"]
    }
