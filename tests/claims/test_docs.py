"""The numbers on the page are those of the results beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dali_mixup.claims.registry import CLASSES
from dali_mixup.claims.statistics import Interval
from dali_mixup.claims.tables import shown

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", CLASSES)
def test_every_row_of_the_page_is_a_row_of_the_results(name: str) -> None:
    page = (ROOT / "docs" / "claims.md").read_text()
    section = page.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
    rows = {line for line in section.splitlines() if line.startswith("| ") and "±" in line}
    results = ROOT / "benchmarks" / "results" / "claims" / f"{name}.json"
    found = json.loads(results.read_text())
    expected = {
        f"| {arm} | " + " | ".join(shown(Interval(**metrics[m])) for m in found["metrics"]) + " |"
        for arm, metrics in found["mean"].items()
    }
    assert rows == expected
