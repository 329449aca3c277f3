"""Every claim runs, small; and, slowly, shows at its default settings what it says."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from benchmarks.claims import __main__ as command
from benchmarks.claims import registry
from benchmarks.claims.ablation import neighbour_table
from benchmarks.claims.claim import Claim
from benchmarks.claims.digits import Digits
from benchmarks.claims.registry import CLASSES, claim_named
from benchmarks.claims.runner import run


def test_a_small_run_measures_what_the_claim_names(tiny_claim: Claim, all_digits: Digits) -> None:
    ticks = []
    result = run(tiny_claim, 1, all_digits, lambda: ticks.append(1))
    assert len(ticks) == tiny_claim.ticks  # or the progress bar would lie
    for metrics in result.seeds[0].values():
        assert set(metrics) == set(tiny_claim.metrics)
        assert all(math.isfinite(value) for value in metrics.values())
    assert (
        len(result.verdicts) == len(tiny_claim.directions) > 0
    )  # each names arms and metrics that there are


def test_the_same_seed_measures_the_same(all_digits: Digits) -> None:
    claim = claim_named("decoupled")
    small = dataclasses.replace(claim, training=dataclasses.replace(claim.training, train=60, epochs=2))  # type: ignore[attr-defined,type-var]
    first, again, other = (small.measure(seed, all_digits, lambda: None) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_names_are_the_modules(tiny_claim: Claim) -> None:
    assert CLASSES[tiny_claim.name] == type(tiny_claim).__name__
    assert type(tiny_claim).__module__ == f"benchmarks.claims.{tiny_claim.name}"


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


def test_the_command_writes_numbers_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = dataclasses.replace(claim_named("rare_features"), steps=200, stops=(100,), fresh=50)  # type: ignore[type-var]
    monkeypatch.setattr(registry, "claim_named", lambda name: small)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "out"
    result = CliRunner().invoke(command.app, ["rare_features", "--seeds", "2", "--out", str(out)])
    assert result.exit_code == 0, result.output
    found = json.loads((out / "rare_features.json").read_text())
    assert found["seeds"] == [0, 1] and len(found["each_seed"]) == 2
    mean = sum(seed["ERM"]["rare accuracy"] for seed in found["each_seed"]) / 2
    assert found["mean"]["ERM"]["rare accuracy"]["mean"] == pytest.approx(mean)
    assert found["settings"]["steps"] == 200 and found["environment"]["packages"]["torch"]
    with Image.open(out / "rare_features.png") as image:
        assert image.width > 500


def test_an_unknown_claim_is_named_with_the_known_ones() -> None:
    result = CliRunner().invoke(command.app, ["nonsense"])
    assert result.exit_code == 2
    assert "'nonsense'" in result.output and "memorisation" in result.output


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "sklearn" else name)
    result = CliRunner().invoke(command.app, ["kway"])
    assert result.exit_code == 2
    assert "sklearn not installed; run `make claims`" in result.output


def test_every_claim_has_its_section_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "claims.md").read_text()
    assert {line[3:] for line in page.splitlines() if line.startswith("## ")} == set(CLASSES)


def test_make_claims_runs_this_command(tmp_path: Path) -> None:
    """`make -n` prints the line; run as it is, but for the interpreter, it must know every claim."""
    root = Path(__file__).parents[3]
    printed = subprocess.run(
        ["make", "--no-print-directory", "-n", "claims", "ARGS=--help"],
        cwd=root,
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
def test_what_reproduces_is_seen_again(name: str, all_digits: Digits) -> None:
    claim = claim_named(name)
    torch.set_num_threads(1)
    result = run(claim, claim.seeds, all_digits, lambda: None)
    missed = [
        f"{v.direction}: {v.difference}" for v in result.verdicts if v.direction.reproduces and not v.seen
    ]
    assert not missed
