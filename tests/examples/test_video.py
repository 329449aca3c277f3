"""The example with video clips: drawn, written as WebM, decoded and mixed by DALI, learnt from."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "video.py"


def test_the_network_learns_what_moves_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    main = runpy.run_path(str(EXAMPLE))["main"]
    assert main([str(tmp_path / "clips")]) > 0.75, "a single frame tells nothing: 25% by chance"
    assert "of 64 clips correct" in capsys.readouterr().out
    assert main([str(tmp_path / "clips"), "--epochs", "0"]) < 0.5, "clips that are there are not drawn again"
