"""Zhang et al. 2018, section 3.1 and discussion: mixup's strength against capacity and the length of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from scipy.special import betainc

from benchmarks.claims.arms import as_mixed, unmixed
from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Curves, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, outputs
from benchmarks.claims.training import Training
from dali_mixup import HandOver, MixPolicy, MixUp

LAYERS = 2
UNDERFITS = "a large alpha underfits: in a short run a wide network's training error is above ERM's"
LONGER = "longer runs gain more from mixup than short ones (middle width)"
WIDER = "wide networks gain more from mixup than narrow ones (long runs)"
GAP = "the generalisation gap falls with a large alpha (wide network, short run)"


@dataclass(frozen=True)
class Capacity(Claim):
    """Perceptrons with two hidden layers of several widths, trained for short and for long, each length with a cosine
    schedule of its own; alpha 0 is ERM.

    Args:
        training: all other settings.
        alphas: mixup's, ascending, with one lam per sample.
        widths: of both hidden layers, ascending.
        lengths: epochs, ascending.
    """

    training: Training = field(default_factory=Training)
    alphas: tuple[float, ...] = (0.2, 1.0, 8.0)
    widths: tuple[int, ...] = (8, 32, 256)
    lengths: tuple[int, ...] = (20, 200)

    name: ClassVar[str] = "capacity"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, section 3.1 and discussion"
    statement: ClassVar[str] = (
        "a large alpha underfits; networks of larger capacity and longer runs gain most from mixup; the training error "
        "rises with alpha while the generalisation gap falls"
    )
    metrics: ClassVar[Mapping[str, str]] = {
        "test error": "%",
        "train error": "%, on unmixed digits",
        "gap": "percentage points, test error - train error",
        "gain": "percentage points, ERM's test error - mixup's",
    }
    curves: ClassVar[Mapping[str, Axes]] = {
        metric: Axes("mean weight of the partner, 0 to 1/2", "%" if metric != "gap" else "percentage points")
        for metric in ("test error", "train error", "gap")
    }

    @property
    def directions(self) -> tuple[Direction, ...]:
        small, middle, large = self.widths[0], self.widths[len(self.widths) // 2], self.widths[-1]
        short, long = self.lengths[0], self.lengths[-1]
        most = self.alphas[-1]
        longer = [
            Direction("gain", named(1.0, width, long), named(1.0, width, short), 1.0, says=says)
            for width, says in ((small, ""), (middle, LONGER), (large, ""))
        ]
        wider = [
            Direction("gain", named(1.0, large, length), named(1.0, small, length), 0.0, says=says)
            for length, says in ((short, ""), (long, WIDER))
        ]
        return (
            Direction("train error", named(most, large, short), named(0, large, short), 1.0, says=UNDERFITS),
            Direction("test error", named(most, large, short), named(1.0, large, short), 0.5),
            Direction("test error", named(most, small, long), named(1.0, small, long), 1.0),
            *longer,
            *wider,
            Direction("train error", named(most, large, long), named(0, large, long), 0.1),
            Direction("train error", named(most, small, long), named(0, small, long), 0.5),
            Direction("gap", named(0, large, short), named(most, large, short), 1.0, says=GAP),
            Direction("gap", named(0, large, long), named(most, large, long), 0.5),
            Direction("gap", named(0, small, long), named(most, small, long), 1.0),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        found: Arms = {}
        for length in self.lengths:
            for alpha in self.alphas:
                found |= self._of_stream(alpha, length, seed, digits)
        for width in self.widths:
            for length in self.lengths:
                erm = found[named(0, width, length)]["test error"]
                for alpha in self.alphas:
                    arm = found[named(alpha, width, length)]
                    arm["gain"] = erm - arm["test error"]
        curves: Curves = {metric: {} for metric in self.curves}
        shares = [partner_share(alpha) for alpha in (0, *self.alphas)]
        for metric in self.curves:
            for width in self.widths:
                for length in self.lengths:
                    y = [found[named(alpha, width, length)][metric] for alpha in (0, *self.alphas)]
                    curves[metric][f"width {width}, {length} epochs"] = Curve(shares, y)
        return Measured({name: found[name] for name in self._names()}, curves)

    def _names(self) -> list[str]:
        """All arms, by width, length and alpha."""
        return [
            named(alpha, width, length)
            for width in self.widths
            for length in self.lengths
            for alpha in (0, *self.alphas)
        ]

    def _of_stream(self, alpha: float, length: int, seed: int, digits: Digits) -> Arms:
        """Train all widths on one stream, and on its unmixed images if the alpha is the first, and measure them."""
        first = alpha == self.alphas[0]
        arms = {}
        for width in self.widths:
            training = replace(self.training, epochs=length, widths=(width,) * LAYERS)
            arms[named(alpha, width, length)] = training.arm(training.network(seed), as_mixed)
            if first:
                arms[named(0, width, length)] = training.arm(training.network(seed), unmixed)
        samples, test = training.split(seed)
        policy = MixPolicy([MixUp(alpha)], granularity="sample")
        loader = digits.loader(samples, policy, training.batch_size, seed, handover=HandOver(clean=first))
        training.fit(loader, arms)
        found: Arms = {}
        for name, arm in arms.items():
            test_error, train_error = (
                error(outputs(arm.model, digits.images[part]), digits.labels[part])
                for part in (test, samples)
            )
            found[name] = {
                "test error": test_error,
                "train error": train_error,
                "gap": test_error - train_error,
            }
        return found


def named(alpha: float, width: int, length: int) -> str:
    how = f"alpha={alpha:g}" if alpha else "ERM"
    return f"width {width}, {length} epochs, {how}"


def partner_share(alpha: float) -> float:
    """E[min(lam, 1 - lam)] for lam ~ Beta(alpha, alpha), 0 for alpha 0: the mean distance of a mixture from the nearer
    of its two images, as a share of theirs. It is I_{1/2}(alpha + 1, alpha), the regularised incomplete beta function:
    the expectation is twice the integral of lam from 0 to 1/2, and E[lam] = 1/2."""
    return float(betainc(alpha + 1, alpha, 0.5)) if alpha else 0.0
