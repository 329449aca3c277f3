"""docs/data.md shows what benchmarks/objects.py measured, and nothing else."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def objects() -> ModuleType:
    spec = importlib.util.spec_from_file_location("objects", CHECKOUT / "benchmarks" / "objects.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_report(objects: ModuleType) -> None:
    page, report = CHECKOUT / "docs" / "data.md", CHECKOUT / "benchmarks" / "results" / "objects.json"
    text = page.read_text()
    shown = text.partition(objects.BEGIN)[2].partition(objects.END)[0].strip()
    assert shown == (objects.section(json.loads(report.read_text())) if report.exists() else "")
    assert objects.up_to_date(page, objects.BEGIN, objects.END, shown, check=True) or not shown


def test_every_form_holds_the_same_images(objects: ModuleType, image_folder: Path, tmp_path: Path) -> None:
    from dali_mixup.sources import open_source

    folder = tmp_path / "photographs"
    folder.symlink_to(image_folder)
    expected = open_source(image_folder)
    for name, form in objects.FORMS.items():
        source = open_source(form(folder, 2))
        assert source.targets == expected.targets, name
        assert source[5][0].tobytes() == expected[5][0].tobytes(), name
