"""The questions for a GPU run from end to end with the CPU in its place. Their answers mean nothing here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu_questions import QUESTIONS

CHECKOUT = Path(__file__).parents[2]
SMALL = ["--device", "cpu", "--images", "200", "--batch-size", "8", "--threads", "2"]


def visited(out: Path, *names: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.gpu_visit", "--out", str(out), *SMALL, *names]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def test_an_unknown_question_is_refused(tmp_path: Path) -> None:
    done = visited(tmp_path, "weather")
    assert done.returncode == 2 and "no questions named weather" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered(name: str, tmp_path: Path) -> None:
    done = visited(tmp_path, name)
    assert done.returncode == 0 and f"{name}: exit 0" in done.stdout, done.stderr[-2000:]
    assert json.loads((tmp_path / f"{name}.json").read_text())
    if name == "options":
        assert set(json.loads((tmp_path / "options.json").read_text()).values()) == {"ok"}
