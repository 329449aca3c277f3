"""docs/methods.md says what the code does: its methods, their defaults, and the costs that were measured."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from dali_mixup import methods

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")


def rows(first_cell):
    """The cells of every table row whose first cell begins so."""
    lines = [line for line in PAGE.splitlines() if line.startswith(f"| {first_cell}")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def evaluated(call):
    names = {cls.__name__: cls for cls in methods.REGISTRY.values()}
    return eval(call.strip("`"), {**names, "np": np})


@pytest.mark.parametrize("name", sorted(methods.REGISTRY))
def test_every_method_has_its_row_with_its_form_and_defaults(name):
    (row,) = rows(f"`{name}` |")
    _, call, _, _, form, source = row
    assert evaluated(call) == methods.REGISTRY[name]()
    assert form == methods.REGISTRY[name].form.name and source


@pytest.mark.parametrize("row", rows("`MixUp("), ids=lambda row: row[0])
def test_every_mixup_shown_can_be_made(row):
    assert isinstance(evaluated(row[0]), methods.MixUp)


@pytest.mark.parametrize("row", [r for r in rows("`") if len(r) == 3], ids=lambda row: row[0])
def test_expected_weights_shown_are_those_drawn(draw, mean_is, row):
    call, mean, sd = row
    lam = draw(evaluated(call), 50_000, 224, 224).weights[:, 0]
    mean_is(lam, float(mean), published_error=2e-3)
    assert abs(lam.std() - float(sd)) < 3e-3


def test_costs_shown_are_those_measured():
    script = runpy.run_path(str(ROOT / "benchmarks" / "mixing_cost.py"))
    report = json.loads((ROOT / "benchmarks" / "results" / "mixing_cost_cpu.json").read_text())
    assert script["table"](report) in PAGE
    assert {row["method"] for row in report["results"]} == set(methods.REGISTRY)
    for row in report["results"]:
        method = methods.REGISTRY[row["method"]]()
        assert (row["uint8_passes"], row["float32_passes"]) == script["passes"](method)
