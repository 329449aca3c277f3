"""The command: what it refuses, what it writes, and the page that shows the committed result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmarks.equivalence import __main__ as command
from benchmarks.equivalence import page
from benchmarks.equivalence.photographs import PHOTOGRAPHS, SIDES, TEST_PER_CLASS, TRAIN_PER_CLASS
from benchmarks.equivalence.settings import LOSS_MARGIN, MARGIN, PAIRS, TITLES, Settings
from benchmarks.equivalence.statistics import compared
from dali_mixup.bench.markers import replaced

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "1"], "seeds=1, expected at least 2"),
        (["--epochs", "0"], "epochs=0, expected at least 1"),
        (["--batch-size", "7"], "batch_size=7, expected an even number"),
        (["--batch-size", "18"], "batch_size=18, expected at most the 16 training images"),
        (["--size", "4"], "size=4, expected at least 8"),
        (["--workers", "0"], "workers=0"),
        (["--lr", "0"], "lr=0.0, expected a number > 0"),
        (["--margin", "nan"], "margin=nan, expected a number > 0"),
        (["--weight-decay", "-1"], "weight_decay=-1.0"),
        (["--model", "resnet"], "model='resnet', expected 'small' or one of torchvision's"),
        (["--pipelines", "torchvision,ffcv"], "pipelines='ffcv', expected some of torchvision, dali"),
        (["--pipelines", "dali,dali-mixup"], "expected two that are compared: dali with torchvision"),
        (["--pipelines", "dali,dali,torchvision"], "expected each of them once"),
        (["--pipelines", ""], "expected some of torchvision"),
        (["--device", "tpu"], "device='tpu', expected cpu, cuda or cuda:N"),
        (["--device", "cuda", "--pipelines", "torchvision,dali-mixup-dali"], "leave it out of the pipelines"),
        (["--resumed"], "too few to kill a run 5 times"),
        (["--data", "nowhere"], "nowhere/train is not a folder; expected data with train/ and val/"),
    ],
)
def test_bad_options_are_refused_before_anything_runs(
    options: list[str], message: str, black_and_white: Settings, tmp_path: Path
) -> None:
    given = [
        "--data",
        str(black_and_white.data),
        "--batch-size",
        "4",
        "--out",
        str(tmp_path / "out"),
        "--epochs",
        "1",
    ]
    result = CliRunner().invoke(command.app, [*given, *options])
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_classes_that_differ_are_refused(black_and_white: Settings, tmp_path: Path) -> None:
    (tmp_path / "train").symlink_to(black_and_white.data / "train")
    (tmp_path / "val" / "black").mkdir(parents=True)
    result = CliRunner().invoke(command.app, ["--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "has 2 classes in train/ and 1 in val/; expected the same ones" in " ".join(result.output.split())


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "statsmodels" else name)
    result = CliRunner().invoke(command.app, [])
    assert result.exit_code == 2
    assert "statsmodels not installed; run `make equivalence`" in result.output


@pytest.mark.slow
def test_a_small_run_writes_numbers_and_a_picture(black_and_white: Settings, tmp_path: Path) -> None:
    """From end to end, in processes of its own, with a run that is killed and resumed."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.equivalence", "--data", str(black_and_white.data)),
            *("--epochs", "5", "--batch-size", "4", "--size", "16", "--jobs", "2", "--resumed"),
            *("--seeds", "2", "--first-seed", "1000", "--out", str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "equivalence.json").read_text())
    assert [(run["pipeline"], run["seed"]) for run in found["runs"]] == [
        (name, seed) for seed in (1000, 1001) for name in TITLES
    ]
    assert all(len(run["losses"]) == 5 and 0 <= run["accuracy"] <= 100 for run in found["runs"])
    assert found["margins"] == {
        "test accuracy": MARGIN,
        "final training loss": LOSS_MARGIN,
        "mean training loss": LOSS_MARGIN,
    }
    values = {name: [run["accuracy"] for run in found["runs"] if run["pipeline"] == name] for name in TITLES}
    expected = compared(values, PAIRS, MARGIN)
    assert [one["verdict"] for one in found["comparisons"]["test accuracy"]] == [e.verdict for e in expected]
    assert found["resumed"]["identical"] and len(found["resumed"]["kills"]) == 5
    assert found["environment"]["packages"]["torch"] and found["recipe"]["smoothing"] == 0.1
    for name in TITLES:
        assert found["mean"]["test accuracy"][name]["mean"] == pytest.approx(sum(values[name]) / 2)
    assert done.stderr == "" and done.stdout.count("undecided") + done.stdout.count("different") <= 12
    with Image.open(tmp_path / "equivalence.png") as image:
        assert image.width > 1000
    shown = page.section(found)
    assert f"| {TITLES['dali']} (`dali`) | {found['mean']['test accuracy']['dali']['mean']:.2f} ±" in shown
    assert "the same bit for bit" in shown


def test_the_page_shows_the_committed_result() -> None:
    """Until there is one, its place is empty."""
    text = page.PAGE.read_text()
    inside = page.section(json.loads(page.RESULT.read_text())) if page.RESULT.exists() else ""
    assert text == replaced(text, page.BEGIN, page.END, inside), "run `python -m benchmarks.equivalence.page`"


def test_the_page_names_the_margins_and_the_images() -> None:
    text = " ".join(page.PAGE.read_text().split())
    assert f"{MARGIN:g} points of test accuracy and {LOSS_MARGIN:g} nats of training loss" in text
    images = len(PHOTOGRAPHS) * TRAIN_PER_CLASS, len(PHOTOGRAPHS) * TEST_PER_CLASS
    assert "{} training and {} test crops".format(*images) in text
    assert f"{SIDES[0]} to {SIDES[1]} pixels wide and high, of {len(PHOTOGRAPHS)} photographs" in text


def test_the_committed_result_has_the_margins_of_the_code() -> None:
    """A margin that was changed after the runs would show."""
    if not page.RESULT.exists():
        pytest.skip("not run yet: make equivalence ARGS='--resumed --out benchmarks/results/equivalence'")
    found = json.loads(page.RESULT.read_text())
    assert found["margins"]["test accuracy"] == MARGIN
    assert found["margins"]["final training loss"] == found["margins"]["mean training loss"] == LOSS_MARGIN
    assert found["settings"]["seeds"] >= 10 and set(found["pipelines"]) == set(TITLES)
    assert found["resumed"]["identical"]


def test_make_equivalence_runs_this_command() -> None:
    printed = subprocess.run(
        ["make", "--no-print-directory", "-n", "equivalence", "ARGS=--help"],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "VENV"))},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()[-1]
    assert printed == ".venv/bin/python -m benchmarks.equivalence --help"
