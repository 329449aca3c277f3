"""examples/segmentation.py learns the colours of discs."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from tests.masks import CLASSES, make_pairs

EXAMPLE = Path(__file__).parents[2] / "examples" / "segmentation.py"


def test_it_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    folders = [str(place) for name in ("train", "val") for place in make_pairs(tmp_path / name, 16)]
    given = [*folders, "--num-classes", str(CLASSES), "--batch-size", "8", "--image-size", "48"]
    main = runpy.run_path(str(EXAMPLE))["main"]
    assert main([*given, "--epochs", "8"]) > 0.8
