"""Zhang et al. 2018, section 3.8: the part of mixup that matters, the pairing, the pixels or the labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.claims.arms import Arm, Loss, View, as_mixed, through, unmixed
from benchmarks.claims.claim import Arms, Claim, Tick
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.networks import Perceptron
from benchmarks.claims.training import SCORES, Training, scores
from dali_mixup import HandOver, MixPolicy, MixUp, Neighbours, latent
from dali_mixup.losses import soft_cross_entropy
from dali_mixup.methods.label_maps import LabelMap
from dali_mixup.targets import MixedTargets


@dataclass(frozen=True)
class Ablation(Claim):
    """The ablation table's pairings and label variants: all classes (AC) or the same class (SC), random partners (RP)
    or nearest neighbours (KNN), images and labels mixed or the images alone.

    Args:
        training: the training of every arm.
        neighbours: number of nearest training digits, in pixel space, from which KNN partners are drawn.
        smoothing: label smoothing's epsilon.
        noise: standard deviation of Gaussian noise on pixels in [0, 1].
    """

    training: Training = field(default_factory=lambda: Training(epochs=100))
    neighbours: int = 20
    smoothing: float = 0.1
    noise: float = 0.2

    name: ClassVar[str] = "ablation"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, section 3.8"
    statement: ClassVar[str] = (
        "mixing images and labels of random pairs of any class is best; same-class partners or hard labels do worse"
    )
    metrics: ClassVar[Mapping[str, str]] = SCORES
    seeds: ClassVar[int] = 3

    @property
    def directions(self) -> tuple[Direction, ...]:
        return (
            Direction("test error", "ERM", "AC+RP", 0.3),
            Direction("test error", "SC+RP, images only", "AC+RP", 1.0),
            Direction("test error", "SC+KNN, images only", "AC+RP", 1.0),
            Direction("test error", "SC+RP, images only", "ERM", -0.5),
            Direction("test error", "AC+RP, images only", "AC+RP", 0.0, reproduces=False),
        )

    @property
    def ticks(self) -> int:
        return 5 * self.training.epochs

    def measure(self, seed: int, digits: Digits, tick: Tick) -> Arms:
        samples, test = self.training.split(seed)
        arms = self._of_one_stream(seed)
        self._fit(arms, digits, samples, seed, tick, MixUp(1.0), granularity="sample")
        batch = {"AC+RP, one lam a batch": self._arm(seed)}
        self._fit(batch, digits, samples, seed, tick, MixUp(1.0))
        hard: LabelMap = "majority"
        same = {"SC+RP, images only": self._arm(seed)}
        self._fit(
            same,
            digits,
            samples,
            seed,
            tick,
            MixUp(1.0, label_map=hard),
            granularity="sample",
            partners="same_class",
        )
        near: dict[str, Arm] = {}
        for name, label_map, groups in (
            ("AC+KNN", "identity", None),
            ("SC+KNN, images only", hard, digits.labels[samples]),
        ):
            table = neighbour_table(digits.images[samples], self.neighbours, groups)
            one = {name: self._arm(seed)}
            self._fit(
                one,
                digits,
                samples,
                seed,
                tick,
                MixUp(1.0, label_map=label_map),
                granularity="sample",
                partners=Neighbours(table),
            )
            near |= one
        return scores(arms | batch | same | near, digits, test)

    def _of_one_stream(self, seed: int) -> dict[str, Arm]:
        """All arms that see AC+RP pixels with a lam per sample, or unmixed ones."""

        def policy(label_map: LabelMap = "identity", smoothing: float = 0.0) -> MixPolicy:
            return MixPolicy(
                [MixUp(1.0, label_map=label_map)], granularity="sample", label_smoothing=smoothing
            )

        eps, steps = self.smoothing, self.training.steps_per_epoch
        arms = {
            "ERM": self._arm(seed, unmixed),
            "AC+RP": self._arm(seed),
            "AC+RP, images only": self._arm(seed, through(policy("majority"), steps)),
            f"AC+RP, images only, smoothing {eps:g}": self._arm(
                seed, through(policy("majority", eps), steps)
            ),
            f"ERM, smoothing {eps:g}": self._arm(seed, unmixed, smoothed(eps)),
            f"ERM, noise {self.noise:g}": self._arm(seed, unmixed, noisy(self.noise)),
        }
        for layers in ([0], [1], [2], [0, 1]):
            model = self.training.network(seed)
            chosen = [model.layers[i] for i in layers]
            mixup = latent.ManifoldMixup(model, chosen, alpha=1.0, include_input=len(layers) > 1)
            name = f"latent, layer {layers[0] + 1}" if len(layers) == 1 else "manifold mixup"
            arms[name] = self.training.arm(model, unmixed, through_layers(mixup))
        return arms

    def _arm(self, seed: int, see: Any = as_mixed, loss: Loss | None = None) -> Arm:
        model = self.training.network(seed)
        return self.training.arm(model, see) if loss is None else self.training.arm(model, see, loss)

    def _fit(
        self,
        arms: Mapping[str, Arm],
        digits: Digits,
        samples: np.ndarray,
        seed: int,
        tick: Tick,
        method: MixUp,
        **policy: Any,
    ) -> None:
        loader = digits.loader(
            samples,
            MixPolicy([method], **policy),
            self.training.batch_size,
            seed,
            handover=HandOver(clean="ERM" in arms),
        )
        self.training.fit(loader, arms, tick)


def neighbour_table(images: Tensor, count: int, groups: Tensor | None = None) -> np.ndarray:
    """(N, count) int32: the nearest other images by squared pixel distance, within a row's group if groups (N,) are
    given; where the smallest group has fewer others, as many as it has."""
    pixels = images[:, 0].flatten(1).double()
    distance = torch.cdist(pixels, pixels)
    distance.fill_diagonal_(torch.inf)
    if groups is not None:
        distance[groups[:, None] != groups] = torch.inf
        count = min(count, int(groups.bincount().min()) - 1)
    return distance.argsort(dim=1)[:, :count].numpy().astype(np.int32)


def smoothed(epsilon: float) -> Loss:
    """Cross-entropy with smoothed labels: epsilon / C off, 1 - epsilon + epsilon / C on."""

    def loss(model: nn.Module, view: View) -> Tensor:
        assert isinstance(view.targets, Tensor)
        ones = torch.ones(len(view.targets), 1)
        return soft_cross_entropy(
            model(view.images), MixedTargets(view.targets[:, None], ones, label_smoothing=epsilon)
        )

    return loss


def noisy(deviation: float) -> Loss:
    """Cross-entropy on images with Gaussian noise."""

    def loss(model: nn.Module, view: View) -> Tensor:
        record = view.record
        generator = latent.step_generator(record.seed, epoch=record.epoch, step=record.step)
        noise = deviation * torch.randn(view.images.shape, generator=generator)
        return soft_cross_entropy(model(view.images + noise), view.targets)

    return loss


def through_layers(mixup: latent.ManifoldMixup) -> Loss:
    """Cross-entropy with the hidden states of a layer mixed."""

    def loss(model: nn.Module, view: View) -> Tensor:
        assert isinstance(model, Perceptron)
        record = view.record
        generator = latent.step_generator(record.seed, epoch=record.epoch, step=record.step)
        return soft_cross_entropy(*mixup(model, view.images, view.targets, generator=generator))

    return loss
