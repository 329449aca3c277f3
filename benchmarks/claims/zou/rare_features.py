"""Zou et al. 2023: mixup learns the rare features that ERM, which fits rare samples through their noise, does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.zou.feature_noise import (
    CLASSES,
    Data,
    FeatureNoise,
    Weights,
    descend,
    draw,
    first_weights,
    outputs,
)
from dali_mixup import MixUp

POINT = 100  # steps between two points of a curve
BY_STEP = "the rare feature over time"


@dataclass(frozen=True)
class RareFeatures(Claim):
    """Full-batch gradient descent in the feature-noise model; mixup takes all pairs. No images: a simulation, whose
    weights are drawn by the laws of `MixUp`.

    Args:
        model: the regime in which the effect is seen: noise stronger than the number of rare samples per class.
        weak_noise: squared norm of the noise in the arms that show where the effect vanishes.
        steps: steps of gradient descent, a multiple of 100.
        stops: steps after which the early-stopped arms no longer mix.
        lam: mixup's lam, constant as in the paper's analysis.
        label: weight of the own label in the arm with decoupled weights.
        fresh: number of rare samples to test on.
    """

    model: FeatureNoise = field(default_factory=FeatureNoise)
    weak_noise: float = 4.0
    steps: int = 6000
    stops: tuple[int, ...] = (2000, 4000)
    lam: float = 0.6
    label: float = 0.75
    fresh: int = 2000

    name: ClassVar[str] = "rare_features"
    source: ClassVar[str] = "Zou et al. 2023, arXiv 2303.08433"
    statement: ClassVar[str] = "mixup learns rare features that ERM does not; stopped early it keeps them"
    metrics: ClassVar[Mapping[str, str]] = {
        "rare accuracy": "%, fresh samples with the rare feature",
        "rare margin": "by which a rare feature raises its class's output above the other's",
        "train accuracy": "%",
    }
    curves: ClassVar[Mapping[str, Axes]] = {BY_STEP: Axes("step", "rare accuracy, %")}

    @property
    def directions(self) -> tuple[Direction, ...]:
        early = f"mixup until {min(self.stops)}"
        return (
            Direction(
                "rare accuracy", "mixup", "ERM", 15.0, says="mixup learns a rare feature that ERM does not"
            ),
            Direction("rare margin", "mixup", "ERM", 0.1),
            Direction(
                "rare accuracy",
                early,
                "ERM",
                15.0,
                says=f"mixup stopped after {min(self.stops) / self.steps:.0%} of the steps has learned it",
            ),
            *(
                Direction("rare accuracy", f"mixup until {stop}", "ERM", 15.0)
                for stop in sorted(self.stops)[1:]
            ),
            Direction("rare accuracy", "uniform lam", "ERM", 10.0),
            Direction(
                "rare accuracy",
                "decoupled",
                "ERM",
                10.0,
                says="mixup with another weight for labels learns it too",
            ),
            Direction("rare accuracy", "mixup", "majority labels", 10.0),
            Direction("rare accuracy", "weak noise, ERM", "ERM", 15.0),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        found: Arms = {}
        curves: dict[str, Curve] = {}
        laws = {
            "ERM": None,
            "mixup": MixUp(lam=self.lam),
            "uniform lam": MixUp(alpha=1.0),
            "decoupled": MixUp(lam=self.lam, label_map=("constant", self.label)),
            "majority labels": MixUp(lam=self.lam, label_map="majority"),
        }
        run = Run(self.model, seed, self.fresh)
        for name, law in laws.items():
            curves[name] = Curve([], [])
            for step, weights in run.descent(law, run.start, self.steps):
                run.add(curves[name], step, weights)
                if name == "mixup" and step in self.stops:
                    stopped = curves[f"mixup until {step}"] = Curve(
                        list(curves[name].x), list(curves[name].y)
                    )
                    for later, ended in run.descent(None, weights, self.steps - step):
                        run.add(stopped, step + later, ended)
                    found[f"mixup until {step}"] = run.scores(ended)
            found[name] = run.scores(weights)
        weak = Run(replace(self.model, noise=self.weak_noise), seed, self.fresh)
        for name in ("ERM", "mixup"):
            *_, (_, ended) = weak.descent(laws[name], weak.start, self.steps)
            found[f"weak noise, {name}"] = weak.scores(ended)
        return Measured(found, {BY_STEP: curves})


class Run:
    """One seed's training set and first weights.

    Attributes:
        start: (classes, m, d).
    """

    def __init__(self, model: FeatureNoise, seed: int, fresh: int) -> None:
        rng = np.random.RandomState(seed)
        self.model, self.seed = model, seed
        self.unseen = draw(model, np.random.RandomState(seed + 10_000), fresh, fresh)
        self.data = draw(model, rng, model.samples, model.rare)
        self.start = first_weights(model, rng)

    def descent(self, law: MixUp | None, weights: np.ndarray, steps: int) -> Iterator[tuple[int, np.ndarray]]:
        """The weights after every `POINT` steps; law None: ERM."""
        rng = np.random.RandomState(self.seed)
        n = len(self.data.labels)
        mix = None if law is None else pair_weights(law, rng, n)
        for step in range(1, steps + 1):
            weights = descend(self.model, weights, self.data, mix)
            if law is not None and law.lam is None:
                mix = pair_weights(law, rng, n)
            if step % POINT == 0:
                yield step, weights

    def add(self, curve: Curve, step: int, weights: np.ndarray) -> None:
        """One more point."""
        curve.x.append(step)
        curve.y.append(accuracy(weights, self.unseen))

    def scores(self, weights: np.ndarray) -> dict[str, float]:
        return {
            "rare accuracy": accuracy(weights, self.unseen),
            "rare margin": margin(weights),
            "train accuracy": accuracy(weights, self.data),
        }


def margin(weights: np.ndarray) -> float:
    """F_k - F_other of a rare feature of class k alone, the smaller of the two classes'. All filters count: those of
    the other class that have learned the feature too are subtracted."""
    of_feature = np.square(weights[:, :, CLASSES : 2 * CLASSES]).sum(1)  # (class, feature)
    return float(min(of_feature[k, k] - of_feature[1 - k, k] for k in range(CLASSES)))


def pair_weights(law: MixUp, rng: np.random.RandomState, n: int) -> Weights:
    """One draw per pair of the n² pairs."""
    draws = law.draw(rng, n * n, 1, 1)
    pixels = draws.weights if draws.pixel_weights is None else draws.pixel_weights
    return Weights(pixels[:, 0].reshape(n, n), draws.weights[:, 0].reshape(n, n))


def accuracy(weights: np.ndarray, data: Data) -> float:
    """Percent of samples whose class has the largest output."""
    return 100.0 * float((outputs(weights, data.patches).argmax(1) == data.labels).mean())
