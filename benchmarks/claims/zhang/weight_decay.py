"""Zhang et al. 2018, section 3.8: mixup works best with a smaller weight decay than ERM."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from benchmarks.claims.arms import Arm, as_mixed, unmixed
from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Curves, Measured
from benchmarks.claims.digits import Digits, split
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, nll, outputs
from benchmarks.claims.training import Training
from dali_mixup import MixPolicy, MixUp

METHODS = ("ERM", "mixup")


@dataclass(frozen=True)
class WeightDecay(Claim):
    """ERM and mixup with several weight decays. Each method's own decay is chosen on digits that are neither trained
    on nor tested on, by their error and by their NLL, the smaller one of equals.

    Args:
        training: all other settings.
        decays: ascending; the paper compares 1e-4 with 5e-4.
        chosen_by: digits beyond the training ones that choose the decay.
        alpha: mixup's, with one lam per sample.
    """

    training: Training = field(default_factory=Training)
    decays: tuple[float, ...] = (1e-4, 5e-4, 2e-3, 5e-3, 1e-2, 2e-2)
    chosen_by: int = 800
    alpha: float = 1.0

    name: ClassVar[str] = "weight_decay"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, section 3.8"
    statement: ClassVar[str] = "mixup prefers a smaller weight decay than ERM"
    metrics: ClassVar[Mapping[str, str]] = {
        "test error": "%",
        "NLL": "nats",
        "decay by error": "log10",
        "decay by NLL": "log10",
        "cost of the smallest": "percentage points over the decay chosen",
        "NLL cost of the smallest": "nats over the decay chosen",
    }
    curves: ClassVar[Mapping[str, Axes]] = {
        "test error": Axes("log10 of the weight decay", "%"),
        "NLL": Axes("log10 of the weight decay", "nats"),
    }

    @property
    def directions(self) -> tuple[Direction, ...]:
        erm, mixup = (f"{method}, chosen" for method in METHODS)
        return (
            Direction(
                "decay by error",
                erm,
                mixup,
                0.0,
                says="by test error, mixup's best weight decay is below ERM's",
            ),
            Direction(
                "decay by NLL",
                erm,
                mixup,
                0.0,
                says="by likelihood, mixup's best weight decay is below ERM's",
            ),
            Direction("cost of the smallest", erm, mixup, 0.0),
            Direction("NLL cost of the smallest", erm, mixup, 0.02),
            Direction("test error", named("mixup", self.decays[-1]), named("mixup", self.decays[0]), 0.5),
            Direction("test error", erm, mixup, 0.3),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        training = self.training
        samples, test = training.split(seed)
        others = split(seed, training.train + self.chosen_by)[0][training.train :]
        arms: dict[str, Arm] = {}
        for method, see in zip(METHODS, (unmixed, as_mixed), strict=True):
            for decay in self.decays:
                decayed = replace(training, weight_decay=decay)
                arms[named(method, decay)] = decayed.arm(decayed.network(seed), see)
        policy = MixPolicy([MixUp(self.alpha)], granularity="sample")
        training.fit(digits.loader(samples, policy, training.batch_size, seed), arms)
        found = {name: errors(arm, digits, test) for name, arm in arms.items()}
        chosen_by = {name: errors(arm, digits, others) for name, arm in arms.items()}
        curves: Curves = {metric: {} for metric in self.curves}
        for method in METHODS:
            for metric in self.curves:
                y = [found[named(method, decay)][metric] for decay in self.decays]
                curves[metric][method] = Curve([math.log10(decay) for decay in self.decays], y)
            found[f"{method}, chosen"] = self._chosen(method, found, chosen_by)
        return Measured(found, curves)

    def _chosen(self, method: str, found: Arms, chosen_by: Arms) -> dict[str, float]:
        """The method with its own decay, chosen for each metric by that metric of the other digits."""
        by_error, by_nll = (
            min(self.decays, key=lambda decay: chosen_by[named(method, decay)][metric])
            for metric in ("test error", "NLL")
        )
        smallest = found[named(method, self.decays[0])]
        test_error, likelihood = (
            found[named(method, by_error)]["test error"],
            found[named(method, by_nll)]["NLL"],
        )
        return {
            "test error": test_error,
            "NLL": likelihood,
            "decay by error": math.log10(by_error),
            "decay by NLL": math.log10(by_nll),
            "cost of the smallest": smallest["test error"] - test_error,
            "NLL cost of the smallest": smallest["NLL"] - likelihood,
        }


def errors(arm: Arm, digits: Digits, samples: np.ndarray) -> dict[str, float]:
    """Error and NLL on these digits."""
    logits, labels = outputs(arm.model, digits.images[samples]), digits.labels[samples]
    return {"test error": error(logits, labels), "NLL": nll(logits, labels)}


def named(method: str, decay: float) -> str:
    return f"{method}, {decay:g}"
