"""The numbers of a run: a CSV file with one line per epoch, and optionally TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dali_mixup._files import write_text

COLUMNS = (
    "epoch",
    "step",
    "learning_rate",
    "train_loss",
    "train_top1",
    "train_top5",
    "unmixed_share",
    "unmixed_top1",
    "unmixed_top5",
    "val_loss",
    "val_top1",
    "val_top5",
    "ema_top1",
    "ema_top5",
    "images_per_second",
    "stall_share",
)


def epoch_line(
    position: Mapping[str, float],
    seen: Mapping[str, float],
    judged: Mapping[str, float],
    average: Mapping[str, float] | None,
    speed: tuple[float, float],
) -> dict[str, float]:
    """An epoch's line from the reports (`Meter.report`) of training, of validation and of the averaged weights."""
    line = {
        **position,
        **{f"train_{key}": seen[key] for key in ("loss", "top1", "top5")},
        "unmixed_share": seen["plain"],
        **{f"unmixed_{key}": seen[f"plain_{key}"] for key in ("top1", "top5") if f"plain_{key}" in seen},
        **{f"val_{key}": judged[key] for key in ("loss", "top1", "top5")},
        "images_per_second": speed[0],
        "stall_share": speed[1],
    }
    if average is not None:
        line |= {f"ema_{key}": average[key] for key in ("top1", "top5")}
    return line


class Records:
    """metrics.csv in `folder`, continued when a run resumes.

    Args:
        folder: an existing folder.
        epoch: the first epoch; lines of it and later ones, left by a run that went further than its last
            checkpoint, are dropped.
        tensorboard: write TensorBoard files into the folder too.

    Raises:
        ModuleNotFoundError: TensorBoard is asked for and not installed.
        NotWritten: here and in `epoch`: the disk is full, or the folder cannot be written to.
    """

    def __init__(self, folder: Path, epoch: int, tensorboard: bool):
        self._path = folder / "metrics.csv"
        self._lines = [line for line in self._read() if int(line["epoch"]) < epoch] if epoch else []
        self._write()
        self._board = _board(folder) if tensorboard else None

    def epoch(self, line: Mapping[str, Any]) -> None:
        """Append a line to the file; columns without a value stay empty."""
        self._lines.append({key: _short(line.get(key, "")) for key in COLUMNS})
        self._write()
        if self._board is not None:
            for key, value in line.items():
                if key not in ("epoch", "step"):
                    self._board.add_scalar(key, value, line["step"])
            self._board.flush()

    def step(self, step: int, **values: float) -> None:
        """Write values of one step, for TensorBoard only."""
        if self._board is not None:
            for key, value in values.items():
                self._board.add_scalar(f"step/{key}", value, step)

    def close(self) -> None:
        if self._board is not None:
            self._board.close()

    def _read(self) -> list[dict[str, str]]:
        if not self._path.is_file():
            return []
        with self._path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def _write(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(self._lines)
        write_text(self._path, text.getvalue())


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "train: tensorboard is not installed; pip install 'dali-mixup[train]', or leave out --tensorboard"
        ) from error
    return SummaryWriter(str(folder))
