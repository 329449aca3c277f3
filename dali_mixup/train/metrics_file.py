"""The lines of metrics.csv: how one is made of an epoch's numbers, and how a run that resumes reads them back."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

NAME = "metrics.csv"

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


def read_lines(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """(columns, lines) of the file: COLUMNS, then those that the user has added. No lines if there is no file.

    Raises:
        ValueError: a file that the trainer cannot have written, or whose lines were broken since; the message names the
            line.
    """
    if not path.is_file():
        return COLUMNS, []
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")  # Excel writes a mark at the beginning
    except UnicodeDecodeError as error:
        raise _broken(path, content[: error.start].count(b"\n") + 1, error) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = list(reader.fieldnames or COLUMNS)
        if "epoch" not in header or len(set(header)) < len(header):
            raise ValueError(f"the columns are {', '.join(header)}, expected epoch, and none twice")
        lines = [_checked(line) for line in reader]
    except (ValueError, csv.Error) as error:
        raise _broken(path, reader.reader.line_num, error) from error
    return (*COLUMNS, *(name for name in header if name not in COLUMNS)), lines


def refuse_to_lose_lines(path: Path, resume: bool) -> None:
    """Raise ValueError if the file has lines that a run would replace which begins anew.

    A run that ends before its first checkpoint leaves at most the line of epoch 0, which `resume` may replace.
    """
    _, lines = read_lines(path)
    if lines and not (resume and all(int(line["epoch"]) == 0 for line in lines)):
        raise ValueError(
            f"train: {path} has the numbers of {len(lines)} epochs, but their checkpoint.pt is not beside it; put it "
            "back and continue with --resume, choose another --output, or move the file away"
        )


def _broken(path: Path, line: int, error: Exception) -> ValueError:
    return ValueError(
        f"train: {path}, line {line}: {error}. Repair the line, or move the file away if its numbers are not needed"
    )


def _checked(line: dict[str, str]) -> dict[str, str]:
    if None in line or None in line.values():  # how csv marks too many and too few
        raise ValueError("another number of values than the header has columns")
    if not line["epoch"].isdecimal():
        raise ValueError(f"epoch={line['epoch']!r}, expected a whole number >= 0")
    return line
