"""Zou et al. 2023: the label weights need not be the pixels' weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.claims.arms import through, unmixed
from benchmarks.claims.claim import Claim, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.training import SCORES, Training, scores
from dali_mixup import MixPolicy, MixUp
from dali_mixup.methods.label_maps import LabelMap

MAPS: dict[str, LabelMap] = {
    "lam": "identity",
    "lam^2": ("polynomial", 0.0, 0.0, 1.0),
    "smoothstep": "smoothstep",
    "0.25 + 0.5 lam": ("polynomial", 0.25, 0.5),
    "independent draw": ("independent", 1.0),
    "1 - lam": ("polynomial", 1.0, -1.0),
}
"""Label weight as a function of the pixel weight lam. The last two are the negative controls."""


@dataclass(frozen=True)
class Decoupled(Claim):
    """Mixup of pixels with lam ~ Beta(1, 1) for each sample, and labels with g(lam). One stream serves all maps."""

    training: Training = field(default_factory=Training)

    name: ClassVar[str] = "decoupled"
    source: ClassVar[str] = "Zou et al. 2023, arXiv 2303.08433"
    statement: ClassVar[str] = "labels mixed with other weights than the pixels train about as well"
    metrics: ClassVar[Mapping[str, str]] = SCORES
    seeds: ClassVar[int] = 20

    @property
    def directions(self) -> tuple[Direction, ...]:
        same = "label weights of {} are as good as the pixels' own"
        return (
            Direction("test error", "lam^2", "lam", 1.0, near=True, says=same.format("lam²")),
            Direction("test error", "smoothstep", "lam", 1.0, near=True, says=same.format("smoothstep(lam)")),
            Direction("test error", "ERM", "lam", 0.3),
            Direction("test error", "independent draw", "lam", 0.5),
            Direction("test error", "1 - lam", "lam", 2.0),
            Direction("ECE", "lam", "smoothstep", 0.02),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        samples, test = self.training.split(seed)
        policies = {
            name: MixPolicy([MixUp(1.0, label_map=label_map)], granularity="sample")
            for name, label_map in MAPS.items()
        }
        arms = {
            name: self.training.arm(
                self.training.network(seed), through(policy, self.training.steps_per_epoch)
            )
            for name, policy in policies.items()
        }
        arms = {"ERM": self.training.arm(self.training.network(seed), unmixed)} | arms
        self.training.fit(digits.loader(samples, policies["lam"], self.training.batch_size, seed), arms)
        return Measured(scores(arms, digits, test))
