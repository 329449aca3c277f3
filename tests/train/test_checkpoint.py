"""A checkpoint is whole or the one before it, and fits the run or is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from dali_mixup.train import checkpoint

IDENTITY = {"seed": 0, "model": "a"}


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {"identity": IDENTITY, "step": 3, "learner": {"w": torch.arange(4.0)}, "processes": [{"x": None}]}
    checkpoint.save(tmp_path / "c.pt", state)
    loaded = checkpoint.load(tmp_path / "c.pt", IDENTITY)
    assert loaded["step"] == 3 and torch.equal(loaded["learner"]["w"], torch.arange(4.0))
    assert [file.name for file in tmp_path.iterdir()] == ["c.pt"]


def test_a_crash_while_writing_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.pt"
    checkpoint.save(file, {"identity": IDENTITY, "step": 1})
    save = torch.save

    def crash(state: Any, stream: Any) -> None:
        save(state, stream)
        stream.truncate(10)
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", crash)
    with pytest.raises(OSError, match="no space left"):
        checkpoint.save(file, {"identity": IDENTITY, "step": 2})
    assert checkpoint.load(file, IDENTITY)["step"] == 1


def test_another_run_is_refused_with_every_difference(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c.pt", {"identity": IDENTITY})
    with pytest.raises(ValueError, match=r"seed: saved 0, now 1; model: saved 'a', now 'b'"):
        checkpoint.load(tmp_path / "c.pt", {"seed": 1, "model": "b"})


def test_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.pt"
    torch.save({"state_dict": {}}, file)
    with pytest.raises(ValueError, match="not a checkpoint of this trainer"):
        checkpoint.load(file, IDENTITY)
