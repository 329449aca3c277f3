"""Zou et al. 2023: mixup learns the rare features that ERM, which fits rare samples through their noise, does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from benchmarks.claims.claim import Arms, Claim, Tick
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.feature_noise import (
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

TICK = 100  # steps


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
        "rare weight": "largest filter weight on a rare feature",
        "train accuracy": "%",
    }
    seeds: ClassVar[int] = 4

    @property
    def directions(self) -> tuple[Direction, ...]:
        stopped = (Direction("rare accuracy", f"mixup until {stop}", "ERM", 10.0) for stop in self.stops)
        return (
            Direction("rare accuracy", "mixup", "ERM", 15.0),
            Direction("rare weight", "mixup", "ERM", 0.1),
            *stopped,
            Direction("rare accuracy", "uniform lam", "ERM", 10.0),
            Direction("rare accuracy", "decoupled", "ERM", 10.0),
            Direction("rare accuracy", "mixup", "majority labels", 10.0),
            Direction("rare accuracy", "weak noise, ERM", "ERM", 15.0),
        )

    @property
    def ticks(self) -> int:
        runs = 7 * self.steps + sum(self.steps - stop for stop in self.stops)
        return runs // TICK

    def measure(self, seed: int, digits: Digits, tick: Tick) -> Arms:
        found: Arms = {}
        laws = {
            "ERM": None,
            "mixup": MixUp(lam=self.lam),
            "uniform lam": MixUp(alpha=1.0),
            "decoupled": MixUp(lam=self.lam, label_map=("constant", self.label)),
            "majority labels": MixUp(lam=self.lam, label_map="majority"),
        }
        run = Run(self.model, seed)
        for name, law in laws.items():
            for step, weights in run.descent(law, run.start, self.steps, tick):
                if step == self.steps:
                    found[name] = run.scores(weights, self.fresh)
                elif name == "mixup" and step in self.stops:
                    rest = run.descent(None, weights, self.steps - step, tick)
                    *_, (_, ended) = rest
                    found[f"mixup until {step}"] = run.scores(ended, self.fresh)
        weak = Run(replace(self.model, noise=self.weak_noise), seed)
        for name in ("ERM", "mixup"):
            *_, (_, ended) = weak.descent(laws[name], weak.start, self.steps, tick)
            found[f"weak noise, {name}"] = weak.scores(ended, self.fresh)
        return found


class Run:
    """One seed's training set and first weights.

    Attributes:
        start: (classes, m, d).
    """

    def __init__(self, model: FeatureNoise, seed: int) -> None:
        rng = np.random.RandomState(seed)
        self.model, self.seed = model, seed
        self.data = draw(model, rng, model.samples, model.rare)
        self.start = first_weights(model, rng)

    def descent(
        self, law: MixUp | None, weights: np.ndarray, steps: int, tick: Tick
    ) -> Iterator[tuple[int, np.ndarray]]:
        """The weights after every `TICK` steps; law None: ERM."""
        rng = np.random.RandomState(self.seed)
        n = len(self.data.labels)
        mix = None if law is None else pair_weights(law, rng, n)
        for step in range(1, steps + 1):
            weights = descend(self.model, weights, self.data, mix)
            if law is not None and law.lam is None:
                mix = pair_weights(law, rng, n)
            if step % TICK == 0:
                tick()
                yield step, weights

    def scores(self, weights: np.ndarray, fresh: int) -> dict[str, float]:
        unseen = draw(self.model, np.random.RandomState(self.seed + 10_000), fresh, fresh)
        return {
            "rare accuracy": accuracy(weights, unseen),
            "rare weight": float(max(np.abs(weights[k, :, CLASSES + k]).max() for k in range(CLASSES))),
            "train accuracy": accuracy(weights, self.data),
        }


def pair_weights(law: MixUp, rng: np.random.RandomState, n: int) -> Weights:
    """One draw per pair of the n² pairs."""
    draws = law.draw(rng, n * n, 1, 1)
    pixels = draws.weights if draws.pixel_weights is None else draws.pixel_weights
    return Weights(pixels[:, 0].reshape(n, n), draws.weights[:, 0].reshape(n, n))


def accuracy(weights: np.ndarray, data: Data) -> float:
    """Percent of samples whose class has the largest output."""
    return 100.0 * float((outputs(weights, data.patches).argmax(1) == data.labels).mean())
