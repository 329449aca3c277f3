"""`dali-mixup check`: exit codes, and what it writes is what the loaders read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dali_mixup.cli import app
from dali_mixup.pack import Options, Packing
from dali_mixup.sources import open_source, read_manifest
from tests.odd_images import COMPLAINED, DAMAGED, ROTATED, SOUND, make_odd_images, picture


def check(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments), "--threads", "2"])


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    make_odd_images(folder / "odd")
    (folder / "plain").mkdir()
    picture().save(folder / "plain" / "one.jpg")
    return folder


def test_sound_data_are_fit(image_folder: Path) -> None:
    result = check(image_folder)
    assert result.exit_code == 0, result.output
    assert "24 files, 0 unfit, 0 classes without a fit image: fit for training" in result.output
    assert "4 of the 1000 classes of ImageNet-1k" in result.output
    assert "n01440764 6, n01443537 6, n01484850 6, n01491361 6" in result.output


def test_damaged_data_are_not_fit_and_every_file_is_named(damaged: Path) -> None:
    result = check(damaged)
    assert result.exit_code == 1
    for name in {*DAMAGED, ROTATED, COMPLAINED} - {"gif.gif", "folder.jpg"}:  # not images to an image folder
        assert f": odd/{name}" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_manifest_and_exclude_list_leave_the_same_files(damaged: Path, tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="Parquet manifests need pyarrow")
    manifest, exclude = tmp_path / f"fit{suffix}", tmp_path / "unfit.jsonl"
    assert check(damaged, "--manifest", manifest, "--exclude", exclude).exit_code == 1
    rows = [json.loads(line) for line in exclude.read_text().splitlines()]
    assert {"path": "odd/zero_bytes.jpg", "problem": "empty"} in rows
    assert open_source(manifest).fingerprint() == open_source(damaged, exclude=exclude).fingerprint()
    assert len(read_manifest(manifest)) == len(SOUND) + 4
    again = check(manifest)
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize("layout", ["files", "shards"])
def test_packed_folders_are_checked_as_they_are_loaded(tmp_path: Path, layout: str) -> None:
    """Class folders named 0 to 11 sort as 0, 1, 10, 11, 2; the labels are in pack.jsonl."""
    (tmp_path / "im").mkdir()
    for number in range(12):
        picture().save(tmp_path / "im" / f"{number}.jpg")
    pairs = [(str(tmp_path / "im" / f"{number}.jpg"), number) for number in range(12)]
    Packing(open_source(pairs), tmp_path / "packed", Options(layout=layout)).run()
    manifest = tmp_path / "m.jsonl"
    result = check(tmp_path / "packed", *(["--manifest", manifest] if layout == "files" else []))
    assert result.exit_code == 0, result.output
    if layout == "files":
        read = open_source(manifest)
        labels = {Path(read.name(i)).stem: int(read.classes[label]) for i, label in enumerate(read.targets)}
        assert labels == {str(number): number for number in range(12)}
        assert read.targets == [int(Path(read.name(i)).stem) for i in range(12)]


def test_what_is_written_does_not_depend_on_a_reader_of_the_summary(damaged: Path, tmp_path: Path) -> None:
    manifest, exclude = tmp_path / "fit.jsonl", tmp_path / "unfit.jsonl"
    command = [
        sys.executable,
        "-m",
        "dali_mixup",
        "check",
        damaged,
        "--manifest",
        manifest,
        "--exclude",
        exclude,
    ]
    reading, writing = os.pipe()
    os.close(reading)
    subprocess.run(command, stdout=writing, stderr=subprocess.DEVNULL, timeout=300)
    os.close(writing)
    assert open_source(manifest).fingerprint() == open_source(damaged, exclude=exclude).fingerprint()


def test_an_empty_class_folder_is_not_fit(image_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    picture().save(tmp_path / "b" / "x.jpg")
    result = check(tmp_path)
    assert result.exit_code == 1 and "class without a fit image: a" in result.output


def test_no_manifest_is_written_where_nothing_is_fit(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").touch()
    result = check(tmp_path, "--manifest", tmp_path / "m.jsonl")
    assert result.exit_code == 1 and "no file is fit" in result.output
    assert not (tmp_path / "m.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/no/such/folder"], "/no/such/folder"),
        (["{folder}", "--manifest", "m.csv"], "m.csv"),
        (["{folder}", "--exclude", "/no/such/folder/e.jsonl"], "/no/such/folder"),
        (["{folder}", "--exclude", "m.parquet"], "m.parquet': expected a name that ends in .jsonl"),
    ],
)
def test_a_check_that_cannot_be_made_is_one_line(
    image_folder: Path, arguments: list[str], words: str
) -> None:
    result = check(*(argument.format(folder=image_folder) for argument in arguments))
    assert result.exit_code == 2
    assert words in result.output and "Traceback" not in result.output


def test_parts_find_together_what_the_whole_check_finds(damaged: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    assert check(damaged, "--exclude", whole).exit_code == 1
    parts = [tmp_path / f"part-{index}.jsonl" for index in range(3)]
    results = [check(damaged, "--part", f"{i}/3", "--exclude", part) for i, part in enumerate(parts)]
    assert "".join(part.read_text() for part in parts) == whole.read_text()
    assert 1 in {result.exit_code for result in results}
    assert all("0 classes without a fit image" in result.output for result in results)


@pytest.mark.parametrize("part", ["3/3", "x", "1", "-1/3", "1/0", "0/99999"])
def test_a_part_that_does_not_exist_is_refused(image_folder: Path, part: str) -> None:
    result = check(image_folder, "--part", part)
    assert result.exit_code == 2 and "part" in result.output


def test_a_part_has_no_manifest(image_folder: Path, tmp_path: Path) -> None:
    result = check(image_folder, "--part", "0/2", "--manifest", tmp_path / "m.jsonl")
    assert result.exit_code == 2 and "exclude" in result.output


def test_more_threads_than_a_process_may_have_are_refused(
    image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dali_mixup.check.scan", None)
    result = CliRunner().invoke(app, ["check", str(image_folder), "--threads", "100000"])
    assert result.exit_code == 2 and "threads=100000, expected an integer >= 1 and <= 1024" in result.stderr
