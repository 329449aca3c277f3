"""metrics.csv is read back as it was written and as people change it, or refused with the line."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from dali_mixup.train.metrics_file import COLUMNS, read_lines, refuse_to_lose_lines
from dali_mixup.train.records import Records


def written(folder: Path, epochs: int) -> Path:
    records = Records(folder, 0, tensorboard=False)
    for epoch in range(epochs):
        records.epoch({"epoch": epoch, "step": 3 * epoch, "val_top1": 1.5})
    return folder / "metrics.csv"


def lines(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_column_of_the_user_stays_when_the_run_resumes(tmp_path: Path) -> None:
    file = written(tmp_path, 3)
    with_notes = [{**line, "note": f"after {line['epoch']}, good"} for line in lines(file)]
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, [*with_notes[0]])
        writer.writeheader()
        writer.writerows(with_notes)
    records = Records(tmp_path, 2, tensorboard=False)
    records.epoch({"epoch": 2, "step": 9})
    after = lines(file)
    assert after[:2] == with_notes[:2]
    assert (after[2]["epoch"], after[2]["step"], after[2]["note"]) == ("2", "9", "")


def test_columns_may_be_missing_or_in_another_order(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    file.write_text("\ufeffstep,epoch\n7,0\n\n9,1\n", encoding="utf-8")
    columns, found = read_lines(file)
    assert columns == COLUMNS and [(line["epoch"], line["step"]) for line in found] == [
        ("0", "7"),
        ("1", "9"),
    ]
    with Records(tmp_path, 1, tensorboard=False):
        (line,) = lines(file)
    assert tuple(line) == COLUMNS and (line["epoch"], line["step"], line["val_loss"]) == ("0", "7", "")


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        (b"epoch,step\n0,3\n,6\n", 3, "epoch='', expected a whole number"),
        (b"epoch,step\n1.0,3\n", 2, "epoch='1.0', expected a whole number"),
        (b"epoch,step\n-1,3\n", 2, "epoch='-1', expected a whole number"),
        (b"epoch,step\n0,3\n1\n", 3, "another number of values"),
        (b"epoch,step\n0,3,4\n", 2, "another number of values"),
        (b"epoch;step\n0;3\n", 1, "the columns are epoch;step, expected epoch"),
        (b"epoch,step,epoch\n0,3,0\n", 1, "expected epoch, and none twice"),
        (b"name,size\na,1\n", 1, "the columns are name, size, expected epoch"),
        (b"epoch,note\n0,good\n1,\xff\n", 3, "utf-8"),
        (b'epoch,note\n0,"good" or not\n', 2, "expected after"),
    ],
)
def test_a_broken_file_is_refused_with_the_line(tmp_path: Path, content: bytes, line: int, told: str) -> None:
    file = tmp_path / "metrics.csv"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"metrics\.csv, line {line}: .*{told}.*Repair the line, or move"):
        Records(tmp_path, 1, tensorboard=False)
    assert file.read_bytes() == content


def test_no_lines(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    assert read_lines(file) == (COLUMNS, [])
    for content in ("", "epoch,step\n"):
        file.write_text(content)
        assert read_lines(file)[1] == []
        refuse_to_lose_lines(file, resume=False)


def test_a_new_run_does_not_replace_the_lines_of_another(tmp_path: Path) -> None:
    # Killed between the line of epoch 0 and the first checkpoint, a run continues from nothing.
    file = written(tmp_path, 1)
    refuse_to_lose_lines(file, resume=True)
    with pytest.raises(ValueError, match=r"has the numbers of 1 epochs, but their checkpoint\.pt is not"):
        refuse_to_lose_lines(file, resume=False)
    file = written(tmp_path, 2)
    for resume in (False, True):
        with pytest.raises(ValueError, match="has the numbers of 2 epochs"):
            refuse_to_lose_lines(file, resume)
