"""docs/dynamic-mode.md shows what benchmarks/dynamic_mode.py measured, and nothing else."""

from __future__ import annotations

import importlib.util
import json
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest
import torch

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dynamic_mode", CHECKOUT / "benchmarks" / "dynamic_mode.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_report(benchmark: ModuleType) -> None:
    page, report = (
        CHECKOUT / "docs" / "dynamic-mode.md",
        CHECKOUT / "benchmarks" / "results" / "dynamic_mode.json",
    )
    text = page.read_text()
    shown = text.partition(benchmark.BEGIN)[2].partition(benchmark.END)[0].strip()
    assert shown == (benchmark.section(json.loads(report.read_text())) if report.exists() else "")


def test_captured_or_not_the_batches_are_the_same_work(
    benchmark: ModuleType, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("BATCH_SIZE", 8), ("SIDE", 16)):
        monkeypatch.setattr(benchmark, name, value)
    first, second = (
        list(islice(benchmark.of_dynamic_mode(image_folder, "sample", capture), 4))
        for capture in (False, True)
    )
    third = list(islice(benchmark.of_pipeline(image_folder, 1, "sample"), 4))
    assert all(map(torch.equal, first, second))
    assert {batch.shape for batch in (*first, *third)} == {(8, 3, 16, 16)}
