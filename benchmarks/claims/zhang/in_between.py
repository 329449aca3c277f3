"""Zhang et al. 2018, figure 2: what a network predicts between two images, and how steep it is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.claims.arms import Arm, as_mixed, unmixed
from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Curves, Measured
from benchmarks.claims.digits import CLASSES, RANGE, Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, outputs
from benchmarks.claims.losses import noisy, smoothed
from benchmarks.claims.training import Training
from benchmarks.claims.zhang.gradients import input_gradients, loss_against, norms, top_logit
from dali_mixup import MixPolicy, MixUp

MISSES, TOP, LOSS = "misses", "gradient of the top logit", "gradient of the loss"


@dataclass(frozen=True)
class InBetween(Claim):
    """Points on the segments between random pairs of test digits: is the prediction one of the two parents', and how
    large are the gradients with respect to the pixels?

    Label smoothing and noise are controls: they too make a network less confident, or smoother.

    Args:
        training: the training of every arm.
        alphas: mixup's, with one lam per sample.
        smoothing: label smoothing's epsilon.
        noise: standard deviation of Gaussian noise, as a share of the pixels' range.
        steps: the curves have a point at each multiple of 1 / steps.
    """

    training: Training = field(default_factory=Training)
    alphas: tuple[float, ...] = (0.2, 1.0)
    smoothing: float = 0.1
    noise: float = 0.2
    steps: int = 20

    name: ClassVar[str] = "in_between"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, figure 2"
    statement: ClassVar[str] = (
        "between two images mixup predicts a third class less often than ERM, and its gradients are smaller"
    )
    metrics: ClassVar[Mapping[str, str]] = {
        "misses at 0.5": "% of test pairs",
        "misses at 0.3": "% of test pairs",
        "misses of training pairs": "% at 0.5",
        TOP: "norm at 0.5",
        LOSS: "norm at 0.5",
        "test error": "%",
    }
    curves: ClassVar[Mapping[str, Axes]] = {
        MISSES: Axes("lam", "misses, % of test pairs"),
        TOP: Axes("lam", "norm, per pixel's standard deviation"),
        LOSS: Axes("lam", "norm, nats per pixel's standard deviation"),
    }

    @property
    def directions(self) -> tuple[Direction, ...]:
        ours, smoothed_erm = f"mixup, alpha={self.alphas[-1]:g}", f"ERM, smoothing {self.smoothing:g}"
        return (
            Direction(
                "misses at 0.5",
                "ERM",
                ours,
                5.0,
                says="halfway between two test digits mixup predicts a third class less often than ERM",
            ),
            Direction("misses at 0.3", "ERM", ours, 1.0),
            Direction("misses of training pairs", "ERM", ours, 5.0),
            Direction("misses at 0.5", smoothed_erm, ours, 2.0),
            Direction("misses at 0.5", f"ERM, noise {self.noise:g}", ours, 2.0),
            Direction(
                TOP,
                "ERM",
                ours,
                1.0,
                says="halfway between two test digits mixup's gradients are smaller than ERM's",
            ),
            Direction(LOSS, "ERM", ours, 1.0),
            Direction(TOP, smoothed_erm, ours, 0.0),
            Direction(TOP, f"ERM, noise {self.noise:g}", ours, 0.0),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        samples, test = self.training.split(seed)
        arms = self._trained(seed, digits)
        pairs = Pairs.drawn(digits.images[test], digits.labels[test], seed)
        known = Pairs.drawn(digits.images[samples], digits.labels[samples], seed)
        found: Arms = {}
        curves: Curves = {name: {} for name in self.curves}
        for name, arm in arms.items():
            model = arm.model
            half, third = (pairs.at(model, lam) for lam in (0.5, 0.3))
            found[name] = {
                "misses at 0.5": half[MISSES],
                "misses at 0.3": third[MISSES],
                "misses of training pairs": known.at(model, 0.5)[MISSES],
                TOP: half[TOP],
                LOSS: half[LOSS],
                "test error": error(outputs(model, pairs.images), pairs.labels),
            }
            lams = [step / self.steps for step in range(self.steps + 1)]
            points = [pairs.at(model, lam) for lam in lams]
            for curve in self.curves:
                curves[curve][name] = Curve(lams, [point[curve] for point in points])
        return Measured(found, curves)

    def _trained(self, seed: int, digits: Digits) -> dict[str, Arm]:
        training, (samples, _) = self.training, self.training.split(seed)
        arms: dict[str, Arm] = {}
        for alpha in self.alphas:
            stream = {f"mixup, alpha={alpha:g}": training.arm(training.network(seed), as_mixed)}
            if alpha == self.alphas[0]:  # the unmixed images of one stream serve all others
                stream = {
                    "ERM": training.arm(training.network(seed), unmixed),
                    f"ERM, smoothing {self.smoothing:g}": training.arm(
                        training.network(seed), unmixed, smoothed(self.smoothing)
                    ),
                    f"ERM, noise {self.noise:g}": training.arm(
                        training.network(seed), unmixed, noisy(self.noise * RANGE)
                    ),
                } | stream
            policy = MixPolicy([MixUp(alpha)], granularity="sample")
            training.fit(digits.loader(samples, policy, training.batch_size, seed), stream)
            arms |= stream
        return arms


@dataclass(frozen=True)
class Pairs:
    """Images (N, 3, 8, 8), each with another one as its partner.

    Attributes:
        labels: (N,) int64.
        partners: (N,) int64, a permutation; partners may have the same class.
    """

    images: Tensor
    labels: Tensor
    partners: Tensor

    @classmethod
    def drawn(cls, images: Tensor, labels: Tensor, seed: int) -> Pairs:
        """Random pairs: each image with its successor in one random cycle, so that none is paired with itself."""
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
        partners = torch.empty_like(order)
        partners[order] = order.roll(1)
        return cls(images, labels, partners)

    def at(self, model: nn.Module, lam: float) -> dict[str, float]:
        """Of the points lam * x + (1 - lam) * x': the misses, percent of predictions that are neither parent's label,
        and the mean norms of the gradients of the largest logit and of the cross-entropy against the labels mixed
        likewise."""
        points = lam * self.images + (1 - lam) * self.images[self.partners]
        other = self.labels[self.partners]
        ones = F.one_hot(self.labels, CLASSES).double()
        targets = lam * ones + (1 - lam) * ones[self.partners]
        predicted = outputs(model, points).argmax(1)
        missed = (predicted != self.labels) & (predicted != other)
        return {
            MISSES: 100.0 * float(missed.double().mean()),
            TOP: float(norms(input_gradients(model, points, top_logit)).mean()),
            LOSS: float(norms(input_gradients(model, points, loss_against(targets))).mean()),
        }
