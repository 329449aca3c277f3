"""The ways in which a run ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class TrainingError(RuntimeError):
    """Training cannot go on: the loss is not a finite number."""


@dataclass(frozen=True)
class Outcome:
    """The end of a run: `finished`, or stopped in `epoch` after `step` steps with a checkpoint to resume from.

    `metrics` is the last epoch's line of metrics.csv.
    """

    finished: bool
    epoch: int
    step: int
    metrics: dict[str, float]
    checkpoint: Path
