"""examples/ray_parts.py with stand-ins for Ray, which runs the tasks here, and for the check of a part."""

from __future__ import annotations

import runpy
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "ray_parts.py"
# The last argument is the exclude list to write. Part 0 ends as its test says.
PROGRAM = """#!/bin/sh
case "$*" in *"--part 0/2"*) {};; esac
for list; do :; done
echo '{{"path": "a/empty.jpg", "problem": "empty"}}' > "$list"
exit 1
"""


class Remote:
    def __init__(self, function: Callable[..., object]) -> None:
        self.remote = function


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def main(part_0: str, exclude: Path) -> int:
        program = tmp_path / "program"
        program.write_text(PROGRAM.format(part_0))
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        ray = types.SimpleNamespace(remote=lambda num_cpus: Remote, get=list)
        monkeypatch.setitem(sys.modules, "ray", ray)
        example = runpy.run_path(str(EXAMPLE))
        return example["main"]([str(tmp_path), "--parts", "2", "--exclude", str(exclude)])

    return main


def test_the_lists_of_all_parts_are_joined_in_a_folder_that_is_made(
    run: Callable[..., int], tmp_path: Path
) -> None:
    unfit = tmp_path / "lists" / "today" / "unfit.jsonl"
    assert run("true", unfit) == 1
    assert unfit.read_text().count("a/empty.jpg") == 2


@pytest.mark.parametrize(
    ("ending", "code"),
    [("kill -9 $$", 137), ("kill -TERM $$", 143), ("exit 2", 2), ("exit 1", 1)],
    ids=["killed", "ended", "impossible", "without a list"],
)
def test_a_part_that_fails_leaves_no_list(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str, code: int
) -> None:
    unfit = tmp_path / "unfit.jsonl"
    assert run(ending, unfit) == code
    assert not unfit.exists()
    said = capsys.readouterr().out
    assert f"part 0/2: exit code {code}\n" in said
    assert said.endswith(f"did not write {unfit}, for these parts failed: 0/2\n")
