"""Chaudhry et al. 2022: the effect of mixup on the linearity of the layers, with labels and without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from benchmarks.claims.arms import Arm, View, as_mixed, cross_entropy, unmixed
from benchmarks.claims.claim import Arms, Claim, Tick
from benchmarks.claims.digits import Digits, split
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, outputs
from benchmarks.claims.networks import Perceptron
from benchmarks.claims.training import Training
from dali_mixup import HandOver, MixPolicy, MixUp, Unlabelled, latent

HIDDEN = ("layer 1", "layer 2", "layer 3")


@dataclass(frozen=True)
class Linearity(Claim):
    """The gap of `LinearityProbe` on pairs of test digits, after training with and without mixup, and after training on
    fewer labelled digits with and without the unsupervised loss of ICT on mixtures of others.

    Args:
        training: training of the first part.
        few: training of the second part.
        pool: labelled and unlabelled digits of the second part together.
        unlabelled_batch: unlabelled digits per step.
        consistency: the unsupervised loss's weight after its ramp of a quarter of the epochs.
        ks: numbers of unlabelled digits in a mixture.
    """

    training: Training = field(default_factory=Training)
    few: Training = field(default_factory=lambda: Training(train=100, epochs=600))
    pool: int = 1000
    unlabelled_batch: int = 100
    consistency: float = 100.0
    ks: tuple[int, ...] = (2, 3, 5)

    name: ClassVar[str] = "linearity"
    source: ClassVar[str] = "Chaudhry et al. 2022, arXiv 2210.16413"
    statement: ClassVar[str] = (
        "supervised mixup makes hidden layers less linear and the output more; as an unsupervised loss, of two or more "
        "points, it makes all layers more linear"
    )
    metrics: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(HIDDEN, "linearity gap"),
        "softmax": "linearity gap",
        "test error": "%",
    }
    seeds: ClassVar[int] = 3

    @property
    def directions(self) -> tuple[Direction, ...]:
        supervised = [
            Direction(metric, f"{high}{bn}", f"{low}{bn}", margin)
            for bn in ("", ", BatchNorm")
            for metric, high, low, margin in (
                ("softmax", "ERM", "mixup", 0.03),
                *((layer, "mixup", "ERM", 0.0) for layer in HIDDEN),
            )
        ]
        consistent = [f"few ICT, k={k}" for k in self.ks]
        return (
            *supervised,
            *(Direction("softmax", "few ERM", ict, 0.03) for ict in consistent),
            *(
                Direction(layer, "few ERM", ict, 0.0, reproduces=False)
                for ict in consistent
                for layer in HIDDEN
            ),
            Direction("test error", "few ERM", consistent[0], 1.0, reproduces=False),
            Direction("test error", consistent[0], consistent[-1], 1.0),
        )

    @property
    def ticks(self) -> int:
        return self.training.epochs + self.few.epochs

    def measure(self, seed: int, digits: Digits, tick: Tick) -> Arms:
        samples, test = self.training.split(seed)
        arms = {
            f"{name}{', BatchNorm' if bn else ''}": self.training.arm(self.training.network(seed, bn), see)
            for bn in (False, True)
            for name, see in (("ERM", unmixed), ("mixup", as_mixed))
        }
        policy = MixPolicy([MixUp(1.0)], granularity="sample")
        self.training.fit(digits.loader(samples, policy, self.training.batch_size, seed), arms, tick)
        arms |= self._with_few_labels(seed, digits, tick)
        found: Arms = {}
        for name, arm in arms.items():
            assert isinstance(arm.model, Perceptron)
            gaps = gaps_of(arm.model, digits.images[test], seed)
            logits = outputs(arm.model, digits.images[test])
            found[name] = gaps | {"test error": error(logits, digits.labels[test])}
        return found

    def _with_few_labels(self, seed: int, digits: Digits, tick: Tick) -> dict[str, Arm]:
        everything, _ = split(seed, self.pool)
        labelled, unlabelled = everything[: self.few.train], everything[self.few.train :]
        few = self.few
        arms = {"few ERM": few.arm(few.network(seed), unmixed)}
        arms |= {f"few ICT, k={k}": self._consistent(few.network(seed), k) for k in self.ks}
        handover = HandOver(unlabelled=Unlabelled(digits.source(unlabelled), self.unlabelled_batch))
        few.fit(digits.loader(labelled, None, few.batch_size, seed, handover=handover), arms, tick)
        return arms

    def _consistent(self, student: Perceptron, k: int) -> Arm:
        """Supervised on the labelled digits, and consistent with its mean teacher at mixtures of k unlabelled ones."""
        teacher = latent.EMATeacher(student)
        consistency = latent.InterpolationConsistency(alpha=1.0, mode="logits", k=k)

        def loss(model: nn.Module, view: View) -> Tensor:
            record = view.record
            generator = latent.step_generator(record.seed, epoch=record.epoch, step=record.step)
            weight = self.consistency * latent.sigmoid_ramp(record.epoch, self.few.epochs / 4)
            unsupervised = consistency(model, teacher, record.unlabelled[0], generator=generator)
            return cross_entropy(model, view) + weight * unsupervised

        arm = self.few.arm(student, unmixed, loss)
        arm.after = lambda: teacher.update(student)
        return arm


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
