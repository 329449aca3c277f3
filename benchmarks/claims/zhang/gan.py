"""Zhang et al. 2018, section 3.7: mixup stabilises the training of GANs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from benchmarks.claims.arms import unmixed
from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Curves, Measured
from benchmarks.claims.digits import BLACK, CLASSES, SIDE, WHITE, Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.training import Training
from benchmarks.claims.zhang.games import Players, games, network
from benchmarks.claims.zhang.generated import MODES, Ring, effective, frechet
from dali_mixup import MixLoader

NEAR, LOWEST, MODES_COVERED = "near a mode", "near a mode, lowest", "modes covered"
FRECHET, HIGHEST, EFFECTIVE = "Fréchet distance", "Fréchet distance, highest", "classes"
RING, DIGITS = "ring", "digits"
COVERED = 0.01  # the share of the samples from which on a mode is covered


@dataclass(frozen=True)
class Gan(Claim):
    """Small GANs on a ring of eight Gaussians and on digits. All games of a seed have the same real samples, noise and
    first weights, and a step of the discriminator for each of the generator.

    Args:
        ring: the Gaussians.
        alpha: mixup's alpha, the paper's.
        steps: steps of the generator.
        every: steps from one measurement to the next; the "lowest" and "highest" are those of the last third.
        batch_size: real samples, and generated ones, of a step.
        lr: Adam's learning rate for both networks.
        widths: widths of the hidden layers of both networks.
        noises: numbers that the generator starts from, on the ring and for digits.
        drawn: generated samples of a measurement.
        training: of the classifier of digits, whose last hidden layer gives the features of the Fréchet distance; the
            GANs have the same digits to train on, and are compared with the others.
    """

    ring: Ring = field(default_factory=Ring)
    alpha: float = 0.2
    steps: int = 1000
    every: int = 50
    batch_size: int = 100
    lr: float = 1e-3
    widths: tuple[int, ...] = (128, 128)
    noises: tuple[int, int] = (2, 16)
    drawn: int = 1000
    training: Training = field(
        default_factory=lambda: Training(train=1000, epochs=30, batch_size=100, widths=(128, 64))
    )

    name: ClassVar[str] = "gan"
    source: ClassVar[str] = (
        "Zhang et al. 2018, arXiv 1710.09412, section 3.7; Verma et al. 2019, arXiv 1806.05236"
    )
    statement: ClassVar[str] = "mixup of real and generated samples stabilises the training of GANs"
    metrics: ClassVar[Mapping[str, str]] = {
        NEAR: "% of samples within 3 deviations",
        LOWEST: "% of samples, in the last third",
        MODES_COVERED: f"of {MODES}, each with {COVERED:.0%} of the samples",
        FRECHET: "in features of a classifier",
        HIGHEST: "in the last third",
        EFFECTIVE: f"effective number of {CLASSES}",
    }
    curves: ClassVar[Mapping[str, Axes]] = {
        RING: Axes("step", "samples near a mode, %"),
        DIGITS: Axes("step", "Fréchet distance"),
    }

    @property
    def directions(self) -> tuple[Direction, ...]:
        found = []
        for form in ("minimax", "non-saturating"):
            nearer, better = "", ""
            if form == "minimax":
                nearer = "mixup improves a minimax GAN: more samples near the modes of a ring"
                better = "mixup improves a minimax GAN: generated digits nearer to real ones"
            ring, digits = ((f"{task}: {form}", f"{task}: {form}, mixup") for task in (RING, DIGITS))
            found += [
                Direction(NEAR, ring[1], ring[0], 0.0, says=nearer),
                Direction(LOWEST, ring[1], ring[0], 0.0),
                Direction(FRECHET, digits[0], digits[1], 0.0, says=better),
                Direction(HIGHEST, digits[0], digits[1], 0.0),
            ]
        manifold = "non-saturating, Manifold Mixup"
        return (
            *found,
            Direction(
                NEAR,
                f"{RING}: {manifold}",
                f"{RING}: non-saturating",
                0.0,
                says="Manifold Mixup improves a non-saturating GAN: more samples near the modes of a ring",
            ),
            Direction(FRECHET, f"{DIGITS}: non-saturating", f"{DIGITS}: {manifold}", 0.0),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        arms: Arms = {}
        curves: Curves = {}
        tasks: dict[str, Play] = {RING: OnRing(self, seed), DIGITS: OnDigits(self, seed, digits)}
        for name, play in tasks.items():
            found = self.play(play, seed)
            steps = [float(step) for step in range(self.every, self.steps + 1, self.every)]
            curves[name] = {
                arm: Curve(steps, [play.curve(one) for one in each]) for arm, each in found.items()
            }
            arms |= {
                f"{name}: {arm}": play.metrics(each[-1], each[-len(each) // 3 :])
                for arm, each in found.items()
            }
        return Measured(arms, curves)

    def play(self, play: Play, seed: int) -> dict[str, list[Scores]]:
        """Arm -> the measurements, one every `every` steps."""
        players = {
            arm: Players(
                game,
                nn.Sequential(network((play.noise, *self.widths, play.size), seed), play.last),
                network((play.size, *reversed(self.widths), 1), seed),
                self.lr,
            )
            for arm, game in games(self.alpha).items()
        }
        generator = torch.Generator().manual_seed(seed)
        fixed = torch.randn(self.drawn, play.noise, generator=generator)
        found: dict[str, list[Scores]] = {arm: [] for arm in players}
        for step, real in enumerate(play.real(), start=1):
            noise = torch.randn(len(real), play.noise, generator=generator)
            for arm, pair in players.items():
                pair.step(real, noise, step, seed)
                if step % self.every == 0:
                    found[arm].append(play.scores(pair.samples(fixed)))
        return found


Scores = Mapping[str, float]
"""Metric -> value of one measurement."""


class Play(ABC):
    """What is to be generated.

    Attributes:
        size: numbers of a sample.
        noise: numbers that a generator starts from.
        last: the end of the generator.
    """

    size: int
    noise: int
    last: nn.Module

    @abstractmethod
    def real(self) -> Iterator[Tensor]:
        """`Gan.steps` batches (B, size)."""

    @abstractmethod
    def scores(self, samples: Tensor) -> Scores:
        """Of generated samples (N, size)."""

    @abstractmethod
    def curve(self, scores: Scores) -> float:
        """The number in the curve."""

    @abstractmethod
    def metrics(self, final: Scores, late: list[Scores]) -> dict[str, float]:
        """All of the metrics, from the last measurement and from those of the last third."""


class OnRing(Play):
    """The eight Gaussians."""

    size = 2

    def __init__(self, claim: Gan, seed: int) -> None:
        self.claim, self.seed = claim, seed
        self.noise, self.last = claim.noises[0], nn.Identity()

    def real(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(self.claim.steps):
            yield self.claim.ring.draw(self.claim.batch_size, generator)

    def scores(self, samples: Tensor) -> Scores:
        near = self.claim.ring.near(samples)
        return {NEAR: 100.0 * float(near.sum()), MODES_COVERED: float((near >= COVERED).sum())}

    def curve(self, scores: Scores) -> float:
        return scores[NEAR]

    def metrics(self, final: Scores, late: list[Scores]) -> dict[str, float]:
        return {**final, LOWEST: min(one[NEAR] for one in late)}


class OnDigits(Play):
    """Digits as 64 standardised pixels, read by this library's loader."""

    size = SIDE * SIDE

    def __init__(self, claim: Gan, seed: int, digits: Digits) -> None:
        self.claim, self.seed, self.digits = claim, seed, digits
        self.noise, self.last = claim.noises[1], InRange()
        self.samples, test = claim.training.split(seed)
        self.classifier = claim.training.network(seed)
        arm = claim.training.arm(self.classifier, unmixed)
        claim.training.fit(self._loader(claim.training.batch_size), {"classifier": arm})
        self.features = self._features(digits.images[test])

    def real(self) -> Iterator[Tensor]:
        step, epoch = 0, 0
        with self._loader(self.claim.batch_size) as loader:
            while True:
                loader.set_epoch(epoch)
                for images, *_ in loader:
                    if step == self.claim.steps:
                        return
                    yield images[:, 0].flatten(1)
                    step += 1
                epoch += 1

    def scores(self, samples: Tensor) -> Scores:
        images = samples.reshape(-1, 1, SIDE, SIDE).expand(-1, 3, -1, -1)
        features = self._features(images)
        classes = self.classifier.head(features).argmax(1).bincount(minlength=CLASSES)
        return {FRECHET: frechet(features, self.features), EFFECTIVE: effective(classes)}

    def curve(self, scores: Scores) -> float:
        return scores[FRECHET]

    def metrics(self, final: Scores, late: list[Scores]) -> dict[str, float]:
        return {**final, HIGHEST: max(one[FRECHET] for one in late)}

    @torch.no_grad()
    def _features(self, images: Tensor) -> Tensor:
        return self.classifier.embed(images)

    def _loader(self, batch_size: int) -> MixLoader:
        return self.digits.loader(self.samples, None, batch_size, self.seed)


class InRange(nn.Module):
    """Any numbers to pixels between black and white."""

    def forward(self, x: Tensor) -> Tensor:
        return BLACK + (WHITE - BLACK) * x.sigmoid()
