"""docs/methods.md: the methods, defaults, weights and passes it shows are the code's. It need not show every method."""

from __future__ import annotations

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


LAWS = [row for row in rows("`") if len(row) == 6]
COSTS = [row for row in rows("") if len(row) == 7 and row[0] in methods.REGISTRY]


def test_the_tables_are_found():
    """The page names each method once per table; a row whose method is gone or misspelt is found here."""
    names = [row[0].strip("`") for row in LAWS]
    assert len(names) == len(set(names)) and set(names) <= set(methods.REGISTRY)
    assert len(names) >= 13 and len(COSTS) >= 13


@pytest.mark.parametrize("row", LAWS, ids=lambda row: row[0])
def test_laws_shown_have_the_form_and_defaults_of_the_code(row):
    name, call, _, _, form, source = row
    kind = methods.REGISTRY[name.strip("`")]
    assert evaluated(call) == kind()
    assert form == kind.form.name and source


@pytest.mark.parametrize("row", rows("`MixUp("), ids=lambda row: row[0])
def test_every_mixup_shown_can_be_made(row):
    assert isinstance(evaluated(row[0]), methods.MixUp)


@pytest.mark.parametrize("row", [r for r in rows("`") if len(r) == 3], ids=lambda row: row[0])
def test_expected_weights_shown_are_those_drawn(draw, mean_is, row):
    call, mean, sd = row
    lam = draw(evaluated(call), 50_000, 224, 224).weights[:, 0]
    mean_is(lam, float(mean), published_error=2e-3)
    assert abs(lam.std() - float(sd)) < 3e-3


@pytest.fixture(scope="module")
def passes():
    """`benchmarks/mixing_cost.py`'s count of passes, from a method's form."""
    return runpy.run_path(str(ROOT / "benchmarks" / "mixing_cost.py"))["passes"]


@pytest.mark.parametrize("row", COSTS, ids=lambda row: row[0])
def test_passes_shown_follow_from_the_form(row, passes):
    """The times beside them are a machine's and are not checked."""
    assert (int(row[1]), int(row[2])) == passes(methods.REGISTRY[row[0]]())
