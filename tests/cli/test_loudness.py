"""--quiet, --verbose, --json, completion, and lines instead of bars where there is no terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from dali_mixup.cli import app
from dali_mixup.train import progress
from dali_mixup.train.progress import Bar, Stopwatch


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dali_mixup", *arguments], capture_output=True, text=True)


def test_quiet_leaves_the_result_alone(image_folder: Path) -> None:
    command = ["check", str(image_folder)]
    loud, first, last = run(*command), run("--quiet", *command), run(*command, "--quiet")
    for quiet in (first, last):
        assert quiet.returncode == loud.returncode == 0
        assert quiet.stdout == loud.stdout and quiet.stderr == ""


def test_verbose_gives_lines_a_time_and_a_module(image_folder: Path, tmp_path: Path) -> None:
    command = ["preview", str(image_folder), "--out", str(tmp_path / "a.png"), "--device", "cpu"]
    plain, verbose = run(*command), run(*command, "--verbose")
    assert plain.returncode == verbose.returncode == 0
    assert " INFO dali_mixup: " in verbose.stderr and " INFO dali_mixup: " not in plain.stderr
    assert "num_threads=" in plain.stderr


def test_the_short_forms_may_stand_anywhere_too(image_folder: Path) -> None:
    first, last = run("-q", "check", str(image_folder)), run("check", str(image_folder), "-q")
    assert first.returncode == last.returncode == 0
    assert first.stdout == last.stdout and first.stderr == last.stderr == ""
    after = run("check", "--", "-q")
    assert after.returncode == 2 and "-q" in after.stderr.splitlines()[-1], "a name, not an option"


def test_no_command_has_a_short_form_of_its_own_by_these_letters() -> None:
    for command in typer.main.get_group(app).commands.values():
        assert not {"-q", "-v"} & {name for parameter in command.params for name in parameter.opts}


def test_both_at_once_are_refused() -> None:
    result = CliRunner().invoke(app, ["--quiet", "--verbose", "recipes", "list"])
    assert result.exit_code == 2 and "--quiet and --verbose exclude each other" in result.output


def test_a_shell_can_complete_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Or typer asks for the shell that this process runs in, which under make may be one without completion.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    result = run("--show-completion", "bash")
    assert result.returncode == 0 and "COMPREPLY" in result.stdout


def test_check_as_json_has_every_file(image_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "a").mkdir(parents=True)
    image = next(image_folder.glob("*/*"))
    (folder / "a" / image.name).write_bytes(image.read_bytes())
    for index in range(130):
        (folder / "a" / f"x{index:03d}.jpg").write_bytes(b"")
    plain = run("check", str(folder))
    assert plain.returncode == 1
    lines = [line for line in plain.stdout.splitlines() if line.startswith("empty: ")]
    assert (
        len(lines) == 101
        and lines[-1] == "empty: 30 more, 130 in all; --exclude FILE or --json lists them all"
    )
    result = run("check", str(folder), "--json", "--exclude", str(tmp_path / "unfit.jsonl"))
    found = json.loads(result.stdout)
    assert result.returncode == 1 and not found["fit"] and found["files"] == 131
    assert len(found["unfit"]) == 130 and {each["problem"] for each in found["unfit"]} == {"empty"}
    assert found["classes"] == {"a": 1} and "130 unfit files" in result.stderr


def test_recipes_as_json() -> None:
    listed = json.loads(CliRunner().invoke(app, ["recipes", "list", "--json"]).output)
    assert {"name": "deit-s", "epochs": 300, "top-1": 79.9}.items() <= next(
        row for row in listed if row["name"] == "deit-s"
    ).items()
    shown = json.loads(CliRunner().invoke(app, ["recipes", "show", "deit-s", "--json"]).output)
    assert shown["training.epochs"] == 300 and shown["policy.methods"][0]["method"] == "mixup"


def test_training_prints_lines_in_a_log_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter(range(0, 10_000, 4))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    with Bar(Console(), True) as bar:
        bar.begin(3, 100, 0)
        for _ in range(20):
            bar.advance()
            bar.speed(Stopwatch(), 0.5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("epoch 3: 1 of 100 batches, loss 0.500, ")
    assert 2 <= len(lines) <= 6, "one about every 30 seconds"


def test_other_ranks_print_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar(Console(), False) as bar:
        bar.begin(0, 10, 0)
        bar.speed(Stopwatch(), 0.5)
    assert capsys.readouterr().out == ""
