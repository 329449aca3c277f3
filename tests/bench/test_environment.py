"""The commit that a report names."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dali_mixup.bench.environment import commit_of


def test_the_commit_is_dirty_if_the_code_differs_not_if_results_do(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    code, results = tmp_path / "package", tmp_path / "results"
    for folder in (code, results):
        folder.mkdir()
        (folder / "file").write_text("before")
    assert commit_of(code) is None
    git("init")
    git("add", "-A")
    git("commit", "-m", "first")
    commit = git("rev-parse", "HEAD")[:12]
    (results / "file").write_text("after")
    assert commit_of(code) == commit
    (code / "file").write_text("after")
    assert commit_of(code) == f"{commit}-dirty"
    git("commit", "-am", "second")
    (code / "new").touch()
    assert commit_of(code) == git("rev-parse", "HEAD")[:12] + "-dirty"
