"""metrics.csv and TensorBoard's files hold what was reported, once."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from dali_mixup._files import NotWritten
from dali_mixup.train.metrics_file import COLUMNS
from dali_mixup.train.records import Records


def lines(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_an_epoch_is_a_line_and_missing_values_are_empty(tmp_path: Path) -> None:
    records = Records(tmp_path, 0, tensorboard=False)
    records.epoch({"epoch": 0, "step": 7, "val_top1": 12.5})
    (line,) = lines(tmp_path)
    assert tuple(line) == COLUMNS
    assert (line["step"], line["val_top1"], line["ema_top1"]) == ("7", "12.5", "")


def test_resuming_drops_the_lines_that_will_come_again(tmp_path: Path) -> None:
    records = Records(tmp_path, 0, tensorboard=False)
    for epoch in range(4):
        records.epoch({"epoch": epoch, "step": epoch, "val_top1": 1.0})
    again = Records(tmp_path, 2, tensorboard=False)
    again.epoch({"epoch": 2, "step": 2, "val_top1": 2.0})
    assert [(line["epoch"], line["val_top1"]) for line in lines(tmp_path)] == [
        ("0", "1"),
        ("1", "1"),
        ("2", "2"),
    ]


def test_a_new_run_starts_a_new_file(tmp_path: Path) -> None:
    Records(tmp_path, 0, tensorboard=False).epoch({"epoch": 0, "step": 1})
    again = Records(tmp_path, 0, tensorboard=False)
    assert len(lines(tmp_path)) == 1  # nothing is written before the run begins
    with again:
        assert lines(tmp_path) == []


def test_tensorboard_gets_the_same_numbers(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with Records(tmp_path, 0, tensorboard=True) as records:
        records.step(3, loss=0.5)
        records.epoch({"epoch": 0, "step": 7, "val_top1": 12.5})
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("val_top1")] == [(7, 12.5)]
    assert [(e.step, e.value) for e in events.Scalars("step/loss")] == [(3, 0.5)]


def test_without_tensorboard_the_message_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'dali-mixup\[train\]'"):
        Records(tmp_path, 0, tensorboard=True)


def test_a_disk_that_is_full_when_a_run_resumes_costs_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records(tmp_path, 0, tensorboard=False)
    records.epoch({"epoch": 0, "train_loss": 1.0})
    before = (tmp_path / "metrics.csv").read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(NotWritten, match=r"metrics\.csv"), Records(tmp_path, 1, tensorboard=False):
        raise AssertionError("begun")
    assert (tmp_path / "metrics.csv").read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.csv"]
