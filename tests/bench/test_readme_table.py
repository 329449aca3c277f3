"""The README's results come from the JSON files and replace nothing else."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "readme_table.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_table", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_what_lies_between_the_markers_changes(script: ModuleType) -> None:
    text = f"before\n{script.BEGIN}\nold\n{script.END}\nafter\n"
    once = script.replaced(text, "new")
    assert once == f"before\n{script.BEGIN}\n\nnew\n\n{script.END}\nafter\n"
    assert script.replaced(once, "new") == once


@pytest.mark.parametrize("text", ["", "{0}", "{1} {0}", "{0} {0} {1}"])
def test_broken_markers_are_refused(text: str, script: ModuleType) -> None:
    with pytest.raises(ValueError, match="expected one line"):
        script.replaced(text.format(script.BEGIN, script.END), "new")
