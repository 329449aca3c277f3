"""The ways in which a run ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class TrainingError(RuntimeError):
    """Training cannot go on: a loss or the weights are not finite numbers."""


def ruined(what: str, epoch: int, step: int, learning_rate: float, checkpoint: Path) -> TrainingError:
    """The error to raise where `what` is NaN or infinite, in place of a checkpoint."""
    return TrainingError(
        f"{what} became NaN or infinite in epoch {epoch}, by step {step}, at learning rate {learning_rate:.3g}. "
        f"{checkpoint}, if it exists, is from an earlier step: its weights are finite, but may have been diverging "
        "already. Lower --learning-rate, lengthen the warm-up, or use --amp bf16 or off instead of fp16"
    )


@dataclass(frozen=True)
class Outcome:
    """The end of a run: `finished`, or stopped in `epoch` after `step` steps with a checkpoint to resume from, because
    it has made `max_steps` of them or, `interrupted`, because of a signal.

    `metrics` is the line of metrics.csv of the last epoch that is complete; empty before the first is.
    """

    finished: bool
    epoch: int
    step: int
    metrics: dict[str, float]
    checkpoint: Path
    interrupted: bool = False
