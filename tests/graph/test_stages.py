"""The ranges that a profiler shows."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import torch

from dali_mixup import MixUp, train_loader
from dali_mixup._graph import pipeline
from dali_mixup._graph.stages import stage


def test_planning_has_a_range_of_its_own(image_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def recorded(name: str, gpu: bool) -> AbstractContextManager[None]:
        seen.append((name, gpu))
        return nullcontext()

    monkeypatch.setattr(pipeline, "stage", recorded)
    with train_loader(image_folder, batch_size=4, image_size=32, device="cpu", policy=MixUp()) as loader:
        next(iter(loader))
    assert ("plan", False) in seen


def test_ranges_are_named_after_the_package_and_only_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(torch.cuda.nvtx, "range", lambda name: nullcontext(seen.append(name)))
    for gpu in (True, False):
        with stage("plan", gpu):
            pass
    assert seen == ["dali_mixup: plan"]
