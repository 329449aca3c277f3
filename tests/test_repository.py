"""Files of the repository that name the same things."""

from __future__ import annotations

from pathlib import Path

import yaml

import dali_mixup

ROOT = Path(__file__).parents[1]


def test_the_citation_is_of_this_version_and_names_the_four_papers() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == dali_mixup.__version__
    assert [paper["authors"][0]["family-names"] for paper in citation["references"]] == [
        "Zhang",
        "Zou",
        "Chaudhry",
        "Venkataramanan",
    ]


def test_the_workflows_call_targets_of_the_makefile() -> None:
    targets = {line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":" in line}
    called = set()
    for file in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        for job in yaml.safe_load(file.read_text())["jobs"].values():
            for step in job["steps"]:
                lines = step.get("run", "").splitlines()
                called |= {line.split()[1] for line in lines if line.startswith("make ")}
    assert {"test", "lint", "docs", "dist"} <= called - {".venv/.installed"} <= targets
