"""What a command cannot write is said in one line: before the work where that can be known, after it where not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from dali_mixup._files import NotWritten
from dali_mixup.cli import app
from dali_mixup.cli.errors import Commands

SMALL_BENCH = ["--device", "cpu", "--threads", "1", "--batch-sizes", "4", "--repeats", "1", "--batches", "2"]
SMALL_BENCH += ["--warmup", "1", "--image-size", "32", "--only", "decode-only"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def is_one_line(result: Result, path: Path) -> bool:
    """Exit code 2, no traceback, and one line on stderr, which names the path."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    return (
        result.exit_code == 2
        and len(lines) == 1
        and str(path) in lines[0]
        and "Traceback" not in result.stderr
    )


def never(*arguments: object, **named: object) -> None:
    raise AssertionError("the work was begun")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Stands where a command wants to write a file."""
    target = tmp_path / "out.png"
    target.mkdir()
    return target


def test_bench_finds_it_before_it_measures(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dali_mixup.bench.runner.run", never)
    (tmp_path / "a" / "report.json").mkdir(parents=True)
    result = run("bench", image_folder, "--out", tmp_path / "a", *SMALL_BENCH)
    assert is_one_line(result, tmp_path / "a" / "report.json"), result.output
    (tmp_path / "b").touch()
    assert is_one_line(run("bench", image_folder, "--out", tmp_path / "b", *SMALL_BENCH), tmp_path / "b")


def test_numbers_are_shown_where_the_disk_filled_up_meanwhile(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise NotWritten(28, "No space left on device", str(path))

    module = sys.modules["dali_mixup.cli.bench"]  # the attribute of that name is the command
    monkeypatch.setattr(module, "write_text", full)
    result = run("bench", image_folder, "--out", tmp_path, *SMALL_BENCH)
    assert is_one_line(result, tmp_path / "report.json"), result.output
    assert "DALI, decoding only" in result.stdout


@pytest.mark.parametrize("option", ["--manifest", "--exclude"])
def test_check_finds_it_before_it_decodes(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr("dali_mixup.check.scan", never)
    (tmp_path / "list.jsonl").mkdir()
    result = run("check", image_folder, option, tmp_path / "list.jsonl")
    assert is_one_line(result, tmp_path / "list.jsonl"), result.output


def test_a_leftover_of_another_writer_is_in_nobodys_way(image_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl.partial").mkdir()
    result = run("check", image_folder, "--manifest", tmp_path / "m.jsonl")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "m.jsonl").is_file()


def test_fit_data_whose_manifest_cannot_be_written_are_not_called_unfit(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1 would say that the data are not fit."""

    def full(path: Path, *rest: object) -> None:
        raise NotWritten(28, "No space left on device", str(path))

    monkeypatch.setattr("dali_mixup.sources.write_manifest", full)
    result = run("check", image_folder, "--manifest", tmp_path / "m.jsonl")
    assert is_one_line(result, tmp_path / "m.jsonl"), result.output
    assert "fit for training" in result.stdout


def test_tune_finds_it_before_it_searches(
    image_folder: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dali_mixup.bench.tuning.search", never)
    assert is_one_line(run("tune", image_folder, "--out", folder, "--device", "cpu"), folder)


def test_pictures_find_it_before_they_are_drawn(
    image_folder: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dali_mixup.train_loader", never)
    assert is_one_line(run("preview", image_folder, "--out", folder), folder)
    assert is_one_line(run("gallery", "a.jpg", "b.jpg", "--out", folder), folder)


@pytest.mark.parametrize("name", ["picture", "picture.txt", "picture.psd", "picture.xbm", "picture.h5"])
def test_a_picture_in_no_known_format_is_refused_before_it_is_drawn(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("dali_mixup.train_loader", never)
    result = run("preview", image_folder, "--out", tmp_path / name)
    assert is_one_line(result, tmp_path / name) and ".png" in result.stderr, result.output


def test_train_finds_it_before_it_trains(image_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    arguments = ["--recipe", "mixup-resnet50", "--data", image_folder.parent, "--model", "test_resnet"]
    result = run("train", *arguments, "--batch-size", "4", "--device", "cpu", "--output", tmp_path / "run")
    assert is_one_line(result, tmp_path / "run"), result.output


def test_every_later_command_ends_so_too() -> None:
    toy = typer.Typer(cls=Commands)

    @toy.command()
    def first() -> None:
        raise NotWritten(13, "Permission denied", "/locked/out.txt")

    @toy.command()
    def second() -> None:
        raise ZeroDivisionError

    result = CliRunner().invoke(toy, ["first"])
    assert is_one_line(result, Path("/locked/out.txt"))
    assert isinstance(CliRunner().invoke(toy, ["second"]).exception, ZeroDivisionError), (
        "a bug keeps its traceback"
    )
