"""Zhang et al. 2018, section 3.8: the part of mixup that matters, the pairing, the pixels or the labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from benchmarks.claims.arms import Arm, Loss, See, View, as_mixed, cross_entropy, unmixed
from benchmarks.claims.claim import Claim, Measured
from benchmarks.claims.digits import RANGE, Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.losses import noisy, smoothed, through_layers
from benchmarks.claims.training import SCORES, Training, scores
from dali_mixup import HandOver, MixPolicy, MixUp, Neighbours, latent
from dali_mixup._loader.record import MixRecord
from dali_mixup.losses import Targets
from dali_mixup.targets import MixedTargets


@dataclass(frozen=True)
class Ablation(Claim):
    """The ablation table's pairings and label variants: all classes (AC) or the same class (SC), random partners (RP)
    or nearest neighbours (KNN), images and labels mixed or the images alone (with SC there is no difference).

    Args:
        training: the training of every arm.
        neighbours: number of nearest training digits, in pixel space, from which KNN partners are drawn.
        smoothings: label smoothing's epsilons; the middle one is compared.
        noises: standard deviations of Gaussian noise, as shares of a pixel's range; the last one is compared.
    """

    training: Training = field(default_factory=lambda: Training(epochs=100))
    neighbours: int = 20
    smoothings: tuple[float, ...] = (0.05, 0.1, 0.2)
    noises: tuple[float, ...] = (0.05, 0.1, 0.2)

    name: ClassVar[str] = "ablation"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, section 3.8"
    statement: ClassVar[str] = (
        "mixing images and labels of random pairs of any class is best; same-class partners or hard labels do worse"
    )
    metrics: ClassVar[Mapping[str, str]] = SCORES
    seeds: ClassVar[int] = 12

    @property
    def directions(self) -> tuple[Direction, ...]:
        smoothing, noise = self.smoothings[len(self.smoothings) // 2], self.noises[-1]
        above = "mixup has a lower error than {}"
        return (
            Direction("test error", "ERM", "AC+RP", 0.3),
            Direction(
                "test error", "SC+RP", "AC+RP", 0.5, says=above.format("mixing of images of one class")
            ),
            Direction("test error", "SC+KNN", "AC+RP", 0.5),
            Direction("test error", "AC+KNN", "AC+RP", 0.0),
            Direction(
                "test error", "AC+RP, images only", "AC+RP", 0.0, says=above.format("mixing of images only")
            ),
            Direction(
                "test error",
                f"ERM, smoothing {smoothing:g}",
                "AC+RP",
                0.0,
                says=above.format("label smoothing"),
            ),
            Direction(
                "test error", f"ERM, noise {noise:g}", "AC+RP", 0.0, says=above.format("noise on pixels")
            ),
            *(Direction("test error", f"latent, layer {layer}", "AC+RP", 0.0) for layer in (1, 2, 3)),
            Direction("test error", "AC+RP, two readers", "AC+RP", 0.5, near=True),
            Direction("test error", "AC+RP, one lam a batch", "AC+RP", 0.5, near=True),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        samples, test = self.training.split(seed)
        pixels, labels = digits.images[samples], digits.labels[samples]
        readers = np.tile(np.arange(len(samples), dtype=np.int32), (len(samples), 1))
        same_class = neighbour_table(pixels, self.neighbours, labels)
        streams: tuple[tuple[dict[str, Arm], dict[str, Any]], ...] = (
            (self._of_one_stream(seed), {}),
            ({"AC+RP, one lam a batch": self._arm(seed)}, {"granularity": "batch"}),
            ({"AC+RP, two readers": self._arm(seed)}, {"partners": Neighbours(readers)}),
            (
                {"AC+KNN": self._arm(seed), "AC+KNN, images only": self._arm(seed, hard)},
                {"partners": Neighbours(neighbour_table(pixels, self.neighbours))},
            ),
            ({"SC+RP": self._arm(seed)}, {"partners": "same_class"}),
            ({"SC+KNN": self._arm(seed)}, {"partners": Neighbours(same_class)}),
        )
        found: dict[str, Arm] = {}
        for arms, options in streams:
            policy = MixPolicy([MixUp(1.0)], **({"granularity": "sample"} | options))
            clean = HandOver(clean="ERM" in arms)
            loader = digits.loader(samples, policy, self.training.batch_size, seed, handover=clean)
            self.training.fit(loader, arms)
            found |= arms
        return Measured(scores(found, digits, test))

    def _of_one_stream(self, seed: int) -> dict[str, Arm]:
        """All arms that see AC+RP pixels with a lam per sample, or unmixed ones."""
        arms = {
            "ERM": self._arm(seed, unmixed),
            "AC+RP": self._arm(seed),
            "AC+RP, images only": self._arm(seed, hard),
        }
        for epsilon in self.smoothings:
            name = f"smoothing {epsilon:g}"
            arms[f"AC+RP, images only, {name}"] = self._arm(seed, hard, smoothed(epsilon))
            arms[f"ERM, {name}"] = self._arm(seed, unmixed, smoothed(epsilon))
        arms |= {f"ERM, noise {x:g}": self._arm(seed, unmixed, noisy(x * RANGE)) for x in self.noises}
        for layers in ([0], [1], [2], [0, 1]):
            model = self.training.network(seed)
            chosen = [model.layers[i] for i in layers]
            mixup = latent.ManifoldMixup(model, chosen, alpha=1.0, include_input=len(layers) > 1)
            name = f"latent, layer {layers[0] + 1}" if len(layers) == 1 else "manifold mixup"
            arms[name] = self.training.arm(model, unmixed, through_layers(mixup))
        return arms

    def _arm(self, seed: int, see: See = as_mixed, loss: Loss = cross_entropy) -> Arm:
        return self.training.arm(self.training.network(seed), see, loss)


def hard(images: Tensor, targets: Targets, record: MixRecord) -> View:
    """The batch as the loader mixed it, with the label of the larger part alone."""
    view = as_mixed(images, targets, record)
    assert isinstance(view.targets, MixedTargets)
    larger = view.targets.weights.argmax(1, keepdim=True)
    return View(view.images, view.targets.labels.gather(1, larger)[:, 0], view.mixed, record)


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
