"""Zou et al. 2023: rare features of real images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch

from benchmarks.claims.arms import relabelled, through, unmixed
from benchmarks.claims.claim import Claim, Measured
from benchmarks.claims.digits import CLASSES, Digits, split
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, outputs
from benchmarks.claims.training import Training
from dali_mixup import MixPolicy, MixUp, Schedule

ALL = 1000  # digits that no test uses


@dataclass(frozen=True)
class RareDigits(Claim):
    """Two classes, each of two kinds of digit: most of its samples are of the common kind, few of the rare one. Which
    four digits they are differs between seeds.

    Args:
        training: of every arm; `train` is the number of samples of both classes together.
        rare: number of samples of each rare kind.
        stop: share of the training after which the stopped arm no longer mixes.
    """

    training: Training = field(default_factory=lambda: Training(train=100))
    rare: int = 4
    stop: float = 0.5

    name: ClassVar[str] = "rare_digits"
    source: ClassVar[str] = "Zou et al. 2023, arXiv 2303.08433"
    statement: ClassVar[str] = "mixup learns rare features, here rare kinds of digits, better than ERM"
    metrics: ClassVar[Mapping[str, str]] = {
        "rare error": "%, fresh digits of the rare kinds",
        "common error": "%, fresh digits of the common kinds",
    }
    seeds: ClassVar[int] = 20

    @property
    def directions(self) -> tuple[Direction, ...]:
        return (
            Direction(
                "rare error", "ERM", "mixup", 1.0, says="mixup learns rare kinds of digits better than ERM"
            ),
            Direction(
                "rare error",
                "ERM",
                "mixup, stopped",
                1.0,
                says="mixup of the first half learns rare kinds better than ERM",
            ),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        kinds = np.random.RandomState(seed).permutation(CLASSES)[:4]  # common 0, common 1, rare 0, rare 1
        pool, test = split(seed, ALL)
        counts = [self.training.train // 2 - self.rare] * 2 + [self.rare] * 2
        labels = digits.labels.numpy()
        parts = [pool[labels[pool] == kind][:count] for kind, count in zip(kinds, counts, strict=True)]
        samples = np.concatenate(parts)
        binary = np.zeros(CLASSES, dtype=np.int64)
        binary[kinds] = [0, 1, 0, 1]
        training = replace(self.training, train=len(samples))
        own = torch.from_numpy(binary[labels[samples]])
        policy = MixPolicy([MixUp(1.0)], granularity="sample")
        stop = Schedule(stop=self.stop, unit="fraction", total_epochs=training.epochs)
        sees = {
            "ERM": unmixed,
            "mixup": through(policy, training.steps_per_epoch),
            "mixup, stopped": through(replace(policy, schedule=stop), training.steps_per_epoch),
        }
        arms = {
            name: training.arm(training.network(seed), relabelled(own, see)) for name, see in sees.items()
        }
        training.fit(digits.loader(samples, policy, training.batch_size, seed), arms)
        found = {}
        for name, arm in arms.items():
            errors = {}
            for metric, chosen in (("rare error", kinds[2:]), ("common error", kinds[:2])):
                those = test[np.isin(labels[test], chosen)]
                logits = outputs(arm.model, digits.images[those])
                errors[metric] = error(logits, torch.from_numpy(binary[labels[those]]))
            found[name] = errors
        return Measured(found)
