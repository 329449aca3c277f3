"""The process that writes and examines shards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dali_mixup._graph.child import ChildProcess
from dali_mixup.pack import PackingError
from dali_mixup.pack.crew import MODULE, answer
from tests.odd_images import picture


def test_a_bug_is_not_taken_for_a_process_that_died() -> None:
    child = ChildProcess(MODULE)
    try:
        for _ in range(2):  # it lives on
            child.send("no request")
            with pytest.raises(PackingError, match=r"failed unexpectedly:\nTraceback(.|\n)*AttributeError"):
                answer(child, "packs nothing", threading.Event())
    finally:
        child.end()


def test_names_with_other_letters_are_packed_and_verified_without_a_utf8_locale(tmp_path: Path) -> None:
    for name in ("größe", "日本"):
        (tmp_path / "data" / name).mkdir(parents=True)
        picture(40, 30, seed=0).save(tmp_path / "data" / name / f"{name}.jpg")
    plain = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for arguments in (
        ["data", "größe/files", "--folder"],
        ["--verify", "größe/files"],
        ["data", "größe/shards"],
        ["--verify", "größe/shards"],
    ):
        result = subprocess.run(
            [sys.executable, "-m", "dali_mixup", "pack", *arguments, "--workers", "1"],
            cwd=tmp_path,
            env=os.environ | plain | {"PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            timeout=240,
        )
        assert result.returncode == 0, (result.stdout + result.stderr).decode(errors="replace")
    packed = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "größe/files").rglob("*.jpg"))
    assert packed == ["größe/files/größe/größe.jpg", "größe/files/日本/日本.jpg"]
