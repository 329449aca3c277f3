"""docs/engines.md shows what benchmarks/apply.py measured, and everything that is compared mixes the same batch."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    pytest.importorskip("kornia")  # needs Python 3.11
    spec = importlib.util.spec_from_file_location("apply", CHECKOUT / "benchmarks" / "apply.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_report(benchmark: ModuleType) -> None:
    text = benchmark.PAGE.read_text()
    shown = text.partition(benchmark.BEGIN)[2].partition(benchmark.END)[0].strip()
    report = benchmark.REPORT
    assert shown == (benchmark.section(json.loads(report.read_text())) if report.exists() else "")


@pytest.mark.parametrize("method", ["MixUp", "CutMix"])
def test_every_subject_makes_images_and_dense_targets(benchmark: ModuleType, method: str) -> None:
    images, labels = torch.rand(4, 3, 16, 16), torch.arange(4)
    for name, mix in benchmark.subjects(method).items():
        made = mix(images.clone(), labels)
        mixed = made if isinstance(made, torch.Tensor) else made[0]
        assert mixed.shape == images.shape, name


def test_the_section_names_the_fastest_of_the_others(benchmark: ModuleType) -> None:
    seconds = benchmark.measured(4, 8, 5)
    about = {"cpu": "a processor", "usable_cores": 2}
    report = {"environment": about, "rows": 4, "size": 8, "repeats": 5, "seconds": seconds}
    text = benchmark.section(report)
    assert "(4, 3, 8, 8)" in text and text.count("of the time of the fastest of the others") == 2
