"""docs/latent.md: its table is the benchmark's result. tests/docs runs its snippets."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "latent.md").read_text()


def test_the_table_is_what_was_measured():
    results = json.loads((ROOT / "benchmarks" / "results" / "latent_cpu.json").read_text())["results"]
    for name, row in results.items():
        assert f"| {name} | {row['min_ms']:.0f} | {row['median_ms']:.0f} | {row['peak_mib']:.0f} |" in PAGE
