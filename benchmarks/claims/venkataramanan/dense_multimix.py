"""Venkataramanan et al. 2023: interpolation at every position of a feature map, attention, self-distillation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from benchmarks.claims.arms import Arm, Loss, See, View, cross_entropy, through, unmixed
from benchmarks.claims.claim import Claim, Measured
from benchmarks.claims.digits import CLASSES, Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import EMBEDDINGS, embedding_scores
from benchmarks.claims.networks import Convolutional
from benchmarks.claims.training import SCORES, Training, scores
from dali_mixup import Alternation, MixPolicy, MixUp, latent
from dali_mixup.losses import Targets, soft_cross_entropy

Attention = Callable[[Tensor, Targets, Tensor], Tensor | None]
"""From maps (B, d, H, W), targets and the classifier's rows (C, d) to (B, H * W), or None for none."""

Way = Callable[[nn.Module, View], latent.MixedTuples]
"""From network and unmixed batch to interpolated logits, targets and weights."""

ATTENTIONS: dict[str, Attention] = {
    "uniform": lambda maps, targets, rows: None,
    "GAP": lambda maps, targets, rows: latent.gap_attention(maps),
    "class": lambda maps, targets, rows: latent.class_attention(maps, targets, rows),
}


@dataclass(frozen=True)
class DenseMultiMixEffects(Claim):
    """MultiMix on the pooled embeddings or at every position of the last feature map of a small convolutional network,
    half of the steps mixing inputs instead.

    Args:
        training: training of every arm; B is its batch_size, its widths are not used.
        channels: of the network's layers; with two, the last map has 4x4 positions.
        n: rows per step, and position.
        decay: of the self-distillation's teacher.
        gamma: the labels' share in a distilled loss.
    """

    training: Training = field(default_factory=lambda: Training(epochs=200))
    channels: tuple[int, ...] = (32, 64)
    n: int = 50
    decay: float = 0.99
    gamma: float = 0.5

    name: ClassVar[str] = "dense_multimix"
    source: ClassVar[str] = "Venkataramanan et al. 2023, arXiv 2206.14868"
    statement: ClassVar[str] = (
        "interpolating at every position, weighted by attention, and with a teacher's targets, improves on MultiMix"
    )
    metrics: ClassVar[Mapping[str, str]] = SCORES | EMBEDDINGS

    @property
    def directions(self) -> tuple[Direction, ...]:
        return (
            Direction(
                "test error", "ERM", "dense, GAP", 0.3, says="dense MultiMix has a lower test error than ERM"
            ),
            Direction("test error", "mixup", "dense, GAP", 0.3),
            Direction(
                "test error",
                "MultiMix",
                "dense, GAP",
                0.3,
                says="dense MultiMix with attention has a lower test error than MultiMix",
            ),
            Direction("test error", "dense, uniform", "dense, GAP", 0.3),
            Direction("test error", "dense, uniform", "dense, class", 0.3),
            Direction(
                "test error",
                "MultiMix",
                "MultiMix, distilled",
                0.3,
                says="self-distillation lowers MultiMix's test error",
            ),
            Direction("test error", "dense, GAP", "dense, GAP, distilled", 0.3),
            Direction("NLL", "MultiMix", "dense, GAP", 0.02),
            Direction("ECE", "mixup", "dense, GAP", 0.01),
            Direction("uniformity", "mixup", "dense, GAP", 0.05),
            Direction("tightness", "mixup", "dense, GAP", 0.0),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        samples, test = self.training.split(seed)
        stream = MixPolicy([MixUp(1.0)], granularity="sample")
        alternating = MixPolicy([MixUp(1.0)], granularity="sample", alternation=Alternation(0.5))
        steps = self.training.steps_per_epoch
        arms = {
            "ERM": self.training.arm(self._network(seed), unmixed),
            "mixup": self.training.arm(self._network(seed), through(stream, steps)),
        }
        ways = {"MultiMix": pooled(self.n)} | {
            f"dense, {name}": dense(self.n, attention) for name, attention in ATTENTIONS.items()
        }
        see = through(alternating, steps)
        for name, way in ways.items():
            arms[name] = self.training.arm(self._network(seed), see, interpolated(way))
        for name in ("MultiMix", "dense, GAP"):
            arms[f"{name}, distilled"] = self._distilled(self._network(seed), see, ways[name])
        self.training.fit(digits.loader(samples, stream, self.training.batch_size, seed), arms)
        found = scores(arms, digits, test)
        for name, trained in arms.items():
            assert isinstance(trained.model, Convolutional)
            with torch.no_grad():
                embeddings = maps_of(trained.model.eval(), digits.images[test]).mean((2, 3))
            found[name] |= embedding_scores(embeddings, digits.labels[test])
        return Measured(found)

    def _network(self, seed: int) -> Convolutional:
        return Convolutional(self.channels, seed)

    def _distilled(self, model: Convolutional, see: See, way: Way) -> Arm:
        """With the interpolated targets of the moving average of its own weights."""
        teacher = latent.EMATeacher(model, decay=self.decay)
        arm = self.training.arm(model, see, interpolated(way, latent.SelfDistillation(self.gamma), teacher))
        arm.after = lambda: teacher.update(model)
        return arm


def maps_of(model: nn.Module, images: Tensor) -> Tensor:
    """(N, d, H, W): the last feature map."""
    assert isinstance(model, Convolutional)
    return model.features(images[:, :1])


def pooled(n: int) -> Way:
    """MultiMix on the logits, which is that on the pooled embeddings."""
    multimix = latent.MultiMix(CLASSES, n=n)

    def interpolate(model: nn.Module, view: View) -> latent.MixedTuples:
        return multimix(model(view.images), view.targets, mixed=False, generator=view.generator)

    return interpolate


def dense(n: int, attention: Attention) -> Way:
    """Dense MultiMix on the logits of each position, which is that on its features."""
    multimix = latent.DenseMultiMix(CLASSES, n=n)

    def interpolate(model: nn.Module, view: View) -> latent.MixedTuples:
        assert isinstance(model, Convolutional)
        maps = maps_of(model, view.images)
        logits = model.head(maps.flatten(2).mT).mT
        weights = attention(maps, view.targets, model.head.weight)
        return multimix(logits, view.targets, attention=weights, mixed=False, generator=view.generator)

    return interpolate


def interpolated(
    way: Way, distil: latent.SelfDistillation | None = None, teacher: nn.Module | None = None
) -> Loss:
    """The loss of the interpolated rows, distilled if both are given; of batches mixed already the common one."""

    def loss(model: nn.Module, view: View) -> Tensor:
        if view.mixed:
            return cross_entropy(model, view)
        logits, targets, weights = way(model, view)
        if distil is None or teacher is None:
            return soft_cross_entropy(logits, targets)
        return distil(logits, targets, teacher(view.images), weights)

    return loss
