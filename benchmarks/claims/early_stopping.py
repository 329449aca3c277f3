"""Zou et al. 2023: mixup for the first part of training is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.claims.arms import through, unmixed
from benchmarks.claims.claim import Arms, Claim, Tick
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.training import SCORES, Training, scores
from dali_mixup import MixPolicy, MixUp, Schedule


@dataclass(frozen=True)
class EarlyStopping(Claim):
    """Mixup to the end, or until a share of the epochs has passed. One stream serves all arms.

    Args:
        stops: shares of the training after which there is no mixing.
    """

    training: Training = field(default_factory=Training)
    stops: tuple[float, ...] = (0.5, 0.75)

    name: ClassVar[str] = "early_stopping"
    source: ClassVar[str] = "Zou et al. 2023, arXiv 2303.08433"
    statement: ClassVar[str] = "mixup stopped early keeps the benefit of mixup"
    metrics: ClassVar[Mapping[str, str]] = SCORES
    seeds: ClassVar[int] = 8

    @property
    def directions(self) -> tuple[Direction, ...]:
        found = [Direction("test error", "ERM", "mixup", 0.3)]
        for stop in self.stops:
            arm = f"mixup until {stop:.0%}"
            found.append(Direction("test error", arm, "mixup", 1.0, near=True))
            found.append(Direction("NLL", "mixup", arm, 0.02))
            found.append(Direction("ECE", "mixup", arm, 0.02))
        return tuple(found)

    @property
    def ticks(self) -> int:
        return self.training.epochs

    def measure(self, seed: int, digits: Digits, tick: Tick) -> Arms:
        samples, test = self.training.split(seed)

        def policy(stop: float | None) -> MixPolicy:
            schedule = Schedule(stop=stop, unit="fraction", total_epochs=self.training.epochs)
            return MixPolicy([MixUp(1.0)], granularity="sample", schedule=schedule)

        arms = {
            name: self.training.arm(
                self.training.network(seed), through(policy(stop), self.training.steps_per_epoch)
            )
            for name, stop in {f"mixup until {stop:.0%}": stop for stop in self.stops}.items()
        }
        arms["mixup"] = self.training.arm(
            self.training.network(seed), through(policy(None), self.training.steps_per_epoch)
        )
        arms = {"ERM": self.training.arm(self.training.network(seed), unmixed)} | arms
        self.training.fit(digits.loader(samples, policy(None), self.training.batch_size, seed), arms, tick)
        return scores(arms, digits, test)
