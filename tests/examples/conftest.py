"""Fixtures of the examples' tests."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(imagenet_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs an example's main on the 24 training and 12 validation images, in an empty folder, without a GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    def main(name: str, *arguments: str) -> Any:
        example = runpy.run_path(str(EXAMPLES / name))
        return example["main"]([str(imagenet_root / "train"), str(imagenet_root / "val"), *arguments])

    return main
