"""Data with a file that cannot be used are refused before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dali_mixup import Runtime
from dali_mixup.bench import runner, tuning
from dali_mixup.bench.fitness import read_in_epochs
from dali_mixup.bench.work import Work
from dali_mixup.cli import app
from tests.bad_images import make


@pytest.mark.parametrize("kind", ["web_page", "jpeg_half", "missing", "dangling_link", "jpeg2000_damaged"])
@pytest.mark.parametrize("command", ["bench", "tune"])
def test_a_bad_file_is_named_and_nothing_is_lost(
    pictures: list[tuple[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, command: str
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the work was begun")

    monkeypatch.setattr(runner, "run", never)
    monkeypatch.setattr(tuning, "search", never)
    Path(pictures[3][0]).unlink()
    make(kind, Path(pictures[3][0]))
    listed = tmp_path / "data.txt"
    listed.write_text("".join(f"{path} {label}\n" for path, label in pictures))
    size = ["--batch-sizes", "4", "--threads", "1"] if command == "bench" else ["--batch-size", "4"]
    out = tmp_path / "out"
    result = CliRunner().invoke(app, [command, str(listed), "--device", "cpu", "--out", str(out), *size])
    assert result.exit_code == 2, result.output
    (said,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert f"1 of the 24 files to read cannot be used by every loader: {pictures[3][0]!r}: " in said
    assert "Nothing was measured" in said and "--manifest" in said
    assert not [entry for entry in [out, *out.glob("*")] if entry.is_file()]


def test_only_files_that_are_read_are_checked() -> None:
    samples = [(f"{i}.jpg", 0) for i in range(100)]
    assert read_in_epochs(samples, [4]) == ["0.jpg", "25.jpg", "50.jpg", "75.jpg"]
    assert len(read_in_epochs(samples, [100, 50])) == 100


def test_the_files_of_a_benchmark_are_those_that_its_runs_read(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [(f"/data/{i:05}.jpg", 0) for i in range(5000)]
    plan = runner.Plan(
        samples,
        Work(8, 2, 4),
        ["dali-mixup"],
        ["loader"],
        [2, 1],
        [8, 16],
        1,
        3,
        1,
        "as-is",
        "resnet50",
        9,
        "",
    )
    read: set[str] = set()

    def measured(function: object, task: runner.Task, limit: float) -> None:
        read.update(path for path, _ in task.samples)
        raise runner.RunFailed("for the test")

    monkeypatch.setattr(runner, "isolated", measured)
    for turn in runner._schedule(["dali-mixup"], plan):
        with pytest.raises(runner.RunFailed):
            runner._measured(turn, plan)
    assert read and sorted(read) == runner.files_of(plan)


def test_the_files_of_a_search_are_those_that_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [(f"/data/{i:05}.jpg", 0) for i in range(5000)]
    tried = [Runtime(1, 1), Runtime(1, 2), Runtime(2, 3)]
    plan = tuning.Search(samples, Work(8, 1, 4), "cpu", tried, 60, "", 9)
    read: set[str] = set()

    def noted(data: list[tuple[str, int]], *_: object) -> None:
        read.update(path for path, _ in data)
        raise tuning.RunFailed("for the test")

    def called(function: object, *arguments: object, limit: float) -> float:
        if function is tuning.images_a_second:
            monkeypatch.setattr(tuning, "prepare", noted)
            with pytest.raises(tuning.RunFailed):
                tuning.images_a_second(*arguments)
        else:
            (stage,) = arguments
            read.update(path for path, _ in stage.samples)
        return 1.0

    monkeypatch.setattr(tuning, "isolated", called)
    tuning.search(plan, lambda *_: None)
    assert read and read <= set(tuning.files_of(plan))  # which settings go on is not known before
