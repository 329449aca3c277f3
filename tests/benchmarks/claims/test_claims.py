"""Every claim runs, small; and, slowly, comes to the verdicts on its page."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from benchmarks.claims import __main__ as command
from benchmarks.claims import registry
from benchmarks.claims.claim import Claim
from benchmarks.claims.digits import Digits, digits
from benchmarks.claims.page import RESULTS
from benchmarks.claims.plots import limits
from benchmarks.claims.registry import CLASSES, PACKAGES, claim_named
from benchmarks.claims.runner import Result, measure, run
from benchmarks.claims.statistics import Interval
from benchmarks.claims.training import Training
from benchmarks.claims.zhang.ablation import neighbour_table
from dali_mixup._epochs.ranks import usable_cores


def test_a_small_run_measures_what_the_claim_names(tiny_claim: Claim, all_digits: Digits) -> None:
    measured, cpu_seconds = measure(tiny_claim, 1000, all_digits)
    used = set()
    for metrics in measured.arms.values():
        used |= set(metrics)
        assert all(math.isfinite(value) for value in metrics.values())
    assert used == set(tiny_claim.metrics)
    assert set(measured.curves) == set(tiny_claim.curves)
    for curves in measured.curves.values():
        assert curves
        for curve in curves.values():
            assert len(curve.x) == len(curve.y) > 0 and all(map(math.isfinite, curve.y))
    verdicts = Result(tiny_claim, (measured, measured), cpu_seconds).verdicts
    assert len(verdicts) == len(tiny_claim.directions)  # each names arms and metrics that there are
    assert tiny_claim.seeds >= 10 or not verdicts


def test_the_same_seed_measures_the_same(all_digits: Digits) -> None:
    claim = claim_named("decoupled")
    small = dataclasses.replace(claim, training=dataclasses.replace(claim.training, train=60, epochs=2))  # type: ignore[attr-defined,type-var]
    first, again, other = (small.measure(seed, all_digits) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_names_are_the_modules(tiny_claim: Claim) -> None:
    module = CLASSES[tiny_claim.name].partition(":")[0]
    assert type(tiny_claim).__module__ == f"benchmarks.claims.{module}"
    assert module.rpartition(".")[2] == tiny_claim.name


def test_neighbours_are_the_nearest_others(all_digits: Digits) -> None:
    images, labels = all_digits.images[:60], all_digits.labels[:60]
    table = neighbour_table(images, 5)
    for i in range(60):
        distance = (images - images[i]).square().sum((1, 2, 3))
        distance[i] = math.inf
        nearest = distance.sort().values[:5]
        torch.testing.assert_close(distance[table[i]], nearest)
    inside = neighbour_table(images, 5, labels)
    assert inside.shape == (60, min(5, int(labels.bincount().min()) - 1))
    assert (labels[torch.from_numpy(inside).long()] == labels[:, None]).all()


@pytest.mark.slow
def test_the_command_writes_numbers_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two claims, two seeds each, in processes of their own: one bar, and no line of a loader."""
    small = {
        "rare_features": dataclasses.replace(  # type: ignore[type-var]
            claim_named("rare_features"), steps=200, stops=(100,), fresh=50
        ),
        "kway": dataclasses.replace(  # type: ignore[type-var]
            claim_named("kway"), training=Training(train=60, epochs=5, widths=(16, 16, 16))
        ),
    }
    monkeypatch.setattr(registry, "claim_named", small.__getitem__)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "out"
    result = CliRunner().invoke(command.app, [*small, "--seeds", "2", "--jobs", "2", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "train_loader" not in result.output
    found = json.loads((out / "rare_features.json").read_text())
    assert found["seeds"] == [0, 1] and len(found["each_seed"]) == 2
    mean = sum(seed["ERM"]["rare accuracy"] for seed in found["each_seed"]) / 2
    assert found["mean"]["ERM"]["rare accuracy"]["mean"] == pytest.approx(mean)
    assert found["settings"]["steps"] == 200 and found["environment"]["packages"]["torch"]
    curve = found["curves"]["the rare feature over time"]["arms"]["ERM"]
    assert curve["x"] == [100, 200] and len(curve["each_seed"]) == 2
    assert {x["outcome"] for x in found["directions"]} <= {"seen", "not seen", "undecided"}
    for name in ("rare_features", "rare_features-curves", "kway", "kway-curves"):
        with Image.open(out / f"{name}.png") as image:
            assert image.width > 500
    again = small["kway"].measure(1, digits(tmp_path / "cache" / "digits"))
    assert json.loads((out / "kway.json").read_text())["each_seed"][1] == again.arms


def test_an_arm_far_away_does_not_stretch_the_axis() -> None:
    near = [Interval(mean, 0.5, 10) for mean in (6.0, 6.5, 7.0, 7.5)]
    low, high = limits([*near, Interval(80.0, 2.0, 10)], bounded=True)
    assert (low, high) == pytest.approx((5.5 - 0.15, 8.0 + 0.15))
    assert limits([Interval(99.0, 3.0, 10), Interval(98.0, 3.0, 10)], bounded=True)[1] < 101


def test_an_unknown_claim_is_named_with_the_known_ones() -> None:
    result = CliRunner().invoke(command.app, ["nonsense"])
    assert result.exit_code == 2
    assert "'nonsense'" in result.output and "memorisation" in result.output


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "sklearn" else name)
    result = CliRunner().invoke(command.app, ["kway"])
    assert result.exit_code == 2
    assert "sklearn not installed; run `make claims`" in result.output


def test_make_claims_runs_this_command(tmp_path: Path) -> None:
    """`make -n` prints the line; run as it is, but for the interpreter, it must know every claim."""
    root = Path(__file__).parents[3]
    printed = subprocess.run(
        ["make", "--no-print-directory", "-n", "claims", "ARGS=--help"],
        cwd=root,
        env={key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "VENV"))},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()[-1]
    assert printed.startswith(".venv/bin/python ")
    words = [sys.executable, *printed.split()[1:]]
    shown = subprocess.run(words, cwd=root, check=True, capture_output=True, text=True).stdout
    assert all(name in shown for name in CLASSES)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSES)
def test_no_verdict_is_turned_round(name: str, all_digits: Digits) -> None:
    """Another machine adds up in another order, so numbers differ a little, and a verdict at the edge may become
    undecided; but what was seen is not refuted, nor the other way round."""
    pytest.importorskip(PACKAGES.get(name, "numpy"))
    claim = claim_named(name)
    committed = json.loads((RESULTS / f"{name}.json").read_text())
    (result,) = run([(claim, len(committed["seeds"]))], all_digits, usable_cores(), lambda: None)
    for verdict, before in zip(result.verdicts, committed["directions"], strict=True):
        assert str(verdict.direction) == before["direction"]
        assert {verdict.outcome, before["outcome"]} != {"seen", "not seen"}, str(verdict.direction)
