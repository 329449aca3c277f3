"""docs/data.md shows what benchmarks/objects.py and archives.py measured, and nothing else."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CHECKOUT / "benchmarks" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def objects() -> ModuleType:
    return script("objects")


@pytest.mark.parametrize("name", ["objects", "archives"])
def test_the_page_shows_the_report(name: str) -> None:
    made, page = script(name), CHECKOUT / "docs" / "data.md"
    report = json.loads((CHECKOUT / "benchmarks" / "results" / f"{name}.json").read_text())
    shown = page.read_text().partition(made.BEGIN)[2].partition(made.END)[0].strip()
    assert shown == made.section(report)


def test_every_form_holds_the_same_images(objects: ModuleType, image_folder: Path, tmp_path: Path) -> None:
    from dali_mixup.sources import open_source

    folder = tmp_path / "photographs"
    folder.symlink_to(image_folder)
    expected = open_source(image_folder)
    for name, form in objects.FORMS.items():
        source = open_source(form(folder, 2))
        assert source.targets == expected.targets, name
        assert source[5][0].tobytes() == expected[5][0].tobytes(), name
