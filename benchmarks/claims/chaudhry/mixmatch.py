"""Chaudhry et al. 2022 and Berthelot et al. 2019: MixMatch's guessed labels, and the part that mixing has in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from benchmarks.claims.arms import Loss, View, cross_entropy, unmixed
from benchmarks.claims.chaudhry.pupils import (
    CURVES,
    SCORES,
    Pupil,
    Unsupervised,
    Weight,
    agreement,
    consistent,
    followed,
    interpolation,
    joined,
    on_all,
    pupil,
)
from benchmarks.claims.claim import Axes, Claim, Measured
from benchmarks.claims.digits import CLASSES, SIDE, Digits, split
from benchmarks.claims.directions import Direction
from benchmarks.claims.training import Training
from dali_mixup import HandOver, TrainTransform, Unlabelled, latent
from dali_mixup import View as Images
from dali_mixup.latent.ict import squared_error


@dataclass(frozen=True)
class MixMatch(Claim):
    """MixMatch on digits of which few have labels, against the labels alone, other unsupervised losses, and itself
    without mixing. Every image of every arm is shifted at random, every arm takes as many steps and has a moving
    average of its weights, its "teacher".

    Args:
        training: training on the labelled digits; batches of unlabelled ones are as large.
        pool: labelled and unlabelled digits together.
        shift: greatest shift, in pixels.
        weight: every unsupervised loss's, after a linear ramp over the whole training.
        noise: standard deviation of the mean teacher's noise on standardised pixels, in addition to the shifts.
        early: steps after which errors count as early.
        every: steps between the points of a curve.
    """

    training: Training = field(default_factory=lambda: Training(train=100, epochs=480))
    pool: int = 1000
    shift: int = 1
    weight: float = 75.0
    noise: float = 0.6
    early: int = 200
    every: int = 40

    name: ClassVar[str] = "mixmatch"
    source: ClassVar[str] = "Chaudhry et al. 2022, arXiv 2210.16413; Berthelot et al. 2019, arXiv 1905.02249"
    statement: ClassVar[str] = "MixMatch learns from unlabelled images, and mixing is an essential part of it"
    metrics: ClassVar[Mapping[str, str]] = SCORES
    curves: ClassVar[Mapping[str, Axes]] = CURVES

    @property
    def directions(self) -> tuple[Direction, ...]:
        return (
            Direction(
                "teacher error",
                "ERM",
                "MixMatch",
                1.0,
                says="MixMatch with 100 labels and 900 unlabelled digits is better than the labels alone",
            ),
            Direction(
                "teacher error",
                "MixMatch, unmixed",
                "MixMatch",
                0.5,
                says="MixMatch is better with mixing than with its guessed labels alone",
            ),
            Direction("teacher error", "mean teacher", "MixMatch", 0.5),
            Direction("teacher error", "ICT", "MixMatch", 0.5),
            Direction("teacher error", "MixMatch", "ERM, all labels", 0.5),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        everything, test = split(seed, self.pool)
        labelled, others = everything[: self.training.train], everything[self.training.train :]
        batch, shown = self.training.batch_size, (digits.images[test], digits.labels[test])
        shifted = TrainTransform(image_size=SIDE, crop="padded", padding=self.shift, hflip=0.0)
        pairs = Unlabelled(digits.source(others), batch, views=[Images(count=2)])
        handover, transform = HandOver(unlabelled=pairs), {"transform": shifted}
        loader = digits.loader(labelled, None, batch, seed, handover=handover, **transform)
        history = followed(self.training, loader, self._few(seed), shown, every=self.every, early=self.early)
        whole = on_all(self.training, self.pool)
        all_labels = {"ERM, all labels": pupil(whole, whole.network(seed), unmixed)}
        loader = digits.loader(everything, None, batch, seed, handover=HandOver(), **transform)
        return joined(history, followed(whole, loader, all_labels, shown, every=self.every, early=self.early))

    def _few(self, seed: int) -> dict[str, Pupil]:
        """The arms that see the labels of few digits."""

        def arm(loss: Callable[[nn.Module], Loss] = lambda _: cross_entropy) -> Pupil:
            return pupil(self.training, self.training.network(seed), unmixed, loss)

        return {
            "ERM": arm(),
            "mean teacher": arm(consistent(agreement(self.noise), self._ramped)),
            "ICT": arm(consistent(interpolation(2), self._ramped)),
            "MixMatch, unmixed": arm(consistent(guessed(), self._ramped)),
            "MixMatch": arm(lambda _: mixmatch(self._ramped)),
        }

    def _ramped(self, epoch: int) -> float:
        return self.weight * latent.linear_ramp(epoch, self.training.epochs)


def mixmatch(weight: Weight) -> Loss:
    """MixMatch's loss, both parts of it on mixed images."""
    # One forward pass for the whole pool: interleaving is for BatchNorm, which the perceptron has not.
    step = latent.MixMatchStep(CLASSES, interleave=False)

    def loss(model: nn.Module, view: View) -> Tensor:
        unlabelled, epoch = view.record.unlabelled, view.record.epoch
        found = step(model, view.images, view.targets, unlabelled, generator=view.generator)
        return found.supervised + weight(epoch) * found.unsupervised

    return loss


def guessed() -> Unsupervised:
    """MixMatch's unsupervised loss with nothing mixed: a digit's guessed, sharpened label is that of all its views."""
    step = latent.MixMatchStep(CLASSES)

    def loss(
        student: nn.Module, teacher: nn.Module, views: Sequence[Tensor], generator: torch.Generator
    ) -> Tensor:
        guess = step.guess(student, views)
        return torch.stack([squared_error(student(images), guess) for images in views]).mean()

    return loss
