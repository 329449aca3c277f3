"""Where training and validation data are: a folder `train` is a split, or a class of that name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dali_mixup.train.splits import find_data


def folders(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
    return root


@pytest.mark.parametrize(
    "names",
    [
        ["train/apple", "train/pear"],
        ["train/apple", "train/train"],
        ["train/apple", "val/apple", "Test/apple"],
        ["train/apple", "validation", ".cache", "__MACOSX"],
    ],
    ids=str,
)
def test_a_folder_train_beside_splits_is_a_split(tmp_path: Path, names: Sequence[str]) -> None:
    folders(tmp_path, *names)
    assert find_data(tmp_path, "elsewhere") == (tmp_path / "train", "elsewhere")


@pytest.mark.parametrize(
    "names",
    [
        ["apple", "pear"],
        ["apple", "train", "val"],
        ["apple/green", "train/steam", "train/electric"],  # images at any depth belong to their class
        ["train", "tractor"],
        ["train"],
        ["val", "dev"],
    ],
    ids=str,
)
def test_a_folder_train_beside_classes_is_a_class(tmp_path: Path, names: Sequence[str]) -> None:
    folders(tmp_path, *names)
    for name in names:
        (tmp_path / name / "0.jpg").touch()
    assert find_data(tmp_path, "elsewhere") == (tmp_path, "elsewhere")


def test_a_split_may_be_packed(tmp_path: Path) -> None:
    folders(tmp_path, "train", "val")
    (tmp_path / "train" / "pack.jsonl").touch()
    assert find_data(str(tmp_path), "elsewhere") == (tmp_path / "train", "elsewhere")


def test_data_that_are_no_folder_are_left_as_they_are(tmp_path: Path) -> None:
    for data in ("s3://bucket/train", str(tmp_path / "train.jsonl"), str(tmp_path / "missing")):
        assert find_data(data, "val.jsonl") == (data, "val.jsonl")


@pytest.mark.parametrize("val", ["val", "validation"])
def test_without_val_data_both_splits_are_expected(tmp_path: Path, val: str) -> None:
    folders(tmp_path, "train/apple", f"{val}/apple", "annotations")
    assert find_data(tmp_path, None) == (tmp_path / "train", tmp_path / val)
