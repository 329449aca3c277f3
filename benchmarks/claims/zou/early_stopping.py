"""Zou et al. 2023: mixup for the first part of training is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.claims.arms import See, through, unmixed
from benchmarks.claims.claim import Axes, Claim, Curve, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.training import BY_EPOCH, ERROR_BY_EPOCH, SCORES, ErrorCurves, Training, scores
from dali_mixup import MixPolicy, MixUp, Schedule

BY_STOP = "where mixing stops"


@dataclass(frozen=True)
class EarlyStopping(Claim):
    """Mixup to the end, or until a share of the epochs has passed. One stream serves all arms.

    Args:
        stops: shares of the training after which there is no mixing.
    """

    training: Training = field(default_factory=Training)
    stops: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 0.9)

    name: ClassVar[str] = "early_stopping"
    source: ClassVar[str] = "Zou et al. 2023, arXiv 2303.08433"
    statement: ClassVar[str] = "mixup stopped early keeps the benefit of mixup, which is gained early"
    metrics: ClassVar[Mapping[str, str]] = SCORES
    curves: ClassVar[Mapping[str, Axes]] = {
        BY_STOP: Axes("share of epochs with mixing, %", "test error, %"),
        **ERROR_BY_EPOCH,
    }
    seeds: ClassVar[int] = 20

    @property
    def directions(self) -> tuple[Direction, ...]:
        half = named(0.5)
        found = [
            Direction("test error", "ERM", "mixup", 0.3),
            Direction(
                "test error", "ERM", half, 0.3, says="mixup of the first half has a lower error than ERM"
            ),
            Direction(
                "ECE",
                "mixup",
                half,
                0.02,
                says="mixup of the first half is better calibrated than to the end",
            ),
            Direction("NLL", "mixup", half, 0.02),
        ]
        for stop in self.stops:
            says = {0.5: "mixup of the first half is as accurate as mixup to the end"}.get(stop, "")
            found.append(Direction("test error", named(stop), "mixup", 1.0, near=True, says=says))
        return tuple(found)

    def measure(self, seed: int, digits: Digits) -> Measured:
        samples, test = self.training.split(seed)
        epochs, steps = self.training.epochs, self.training.steps_per_epoch

        def policy(stop: float | None) -> MixPolicy:
            schedule = Schedule(stop=stop, unit="fraction", total_epochs=epochs)
            return MixPolicy([MixUp(1.0)], granularity="sample", schedule=schedule)

        sees: dict[str, See] = {"ERM": unmixed}
        sees |= {named(stop): through(policy(stop), steps) for stop in self.stops}
        sees["mixup"] = through(policy(None), steps)
        arms = {name: self.training.arm(self.training.network(seed), see) for name, see in sees.items()}
        watched = ErrorCurves(arms, digits, test)
        loader = digits.loader(samples, policy(None), self.training.batch_size, seed)
        self.training.fit(loader, arms, watched)
        found = scores(arms, digits, test)
        shares = [0.0, *(100 * stop for stop in self.stops), 100.0]
        swept = Curve(shares, [found[name]["test error"] for name in arms])
        shown = {name: watched.curves[name] for name in ("ERM", named(0.5), "mixup") if name in arms}
        return Measured(found, {BY_STOP: {"mixup": swept}, BY_EPOCH: shown})


def named(stop: float) -> str:
    return f"mixup until {stop:.0%}"
