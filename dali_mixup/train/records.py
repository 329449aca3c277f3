"""The numbers of a run: a CSV file with one line per epoch, and optionally TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dali_mixup._files import write_text
from dali_mixup.train.metrics_file import NAME, read_lines


class Records:
    """metrics.csv in `folder`, continued when a run resumes; columns that the user has added stay. Nothing is written
    before its `with` block.

    Args:
        folder: an existing folder.
        epoch: the first epoch; lines of it and later ones, left by a run that went further than its last
            checkpoint, are dropped.
        tensorboard: write TensorBoard files into the folder too.

    Raises:
        ValueError: a file that cannot be continued, as `read_lines`.
        ModuleNotFoundError: TensorBoard is asked for and not installed.
        NotWritten: in the block: the disk is full, or the folder cannot be written to.
    """

    def __init__(self, folder: Path, epoch: int, tensorboard: bool):
        self._path = folder / NAME
        self._columns, lines = read_lines(self._path)
        self._lines = [line for line in lines if int(line["epoch"]) < epoch]
        self._kind_of_board = _summary_writer() if tensorboard else None
        self._board: Any = None

    def __enter__(self) -> Records:
        self._write()
        if self._kind_of_board is not None:
            self._board = self._kind_of_board(str(self._path.parent))
        return self

    def __exit__(self, *_: object) -> None:
        if self._board is not None:
            self._board.close()

    def epoch(self, line: Mapping[str, Any]) -> None:
        """Append a line to the file; columns without a value stay empty."""
        self._lines.append({key: _short(line[key]) for key in self._columns if key in line})
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

    def _write(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns)
        writer.writeheader()
        writer.writerows(self._lines)
        write_text(self._path, text.getvalue())


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _summary_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "train: tensorboard is not installed; pip install 'dali-mixup[train]', or leave out --tensorboard"
        ) from error
    return SummaryWriter
