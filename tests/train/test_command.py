"""`dali-mixup train`: its options arrive, and what goes wrong ends with one line and an exit code."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dali_mixup.cli import app
from dali_mixup.train.trainer import Run


def call(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["train", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture
def basic(recipe: str, few_photographs: Path, tmp_path: Path) -> list[object]:
    sizes = ["--image-size", 32, "--epochs", 1, "--device", "cpu", "--num-threads", 1, "--read-ahead", 1]
    return ["--recipe", recipe, "--data", few_photographs, "--output", tmp_path / "out", *sizes]


def test_trains_stops_and_resumes(basic: list[object], tmp_path: Path) -> None:
    code, text = call(*basic, "--max-steps", 2)
    assert code == 0 and "stopped in epoch 0 after 2 steps" in text
    code, text = call(*basic)
    assert code == 2 and "checkpoint.pt exists; continue it with --resume" in text
    code, text = call(*basic, "--resume")
    assert code == 0 and "resumed in epoch 0 after 2 steps" in text and "epoch 0: loss" in text


@pytest.mark.parametrize("limit", [[], ["--max-steps", "5"]], ids=["to the end", "for some steps"])
def test_ctrl_c_is_exit_code_130(
    basic: list[object], monkeypatch: pytest.MonkeyPatch, limit: list[str]
) -> None:
    count = Run._count

    def interrupted(self: Run, *arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)  # a scheduler's, the same to us
        count(self, *arguments)

    monkeypatch.setattr(Run, "_count", interrupted)
    code, text = call(*basic, *limit)
    assert (
        code == 130
        and "stopped in epoch 0 after 1 steps; continue with the same command and --resume" in text
    )


def test_a_nan_is_exit_code_1(basic: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "_rate", lambda self, share: 1e30)
    code, text = call(*basic)
    assert code == 1 and "error: the loss became NaN or infinite" in text and "Traceback" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "diet-s", "--data", "."], "did you mean 'deit-s'?"),
        (["--recipe", "deit-s", "--data", "nowhere"], "does not exist"),
        (
            ["--recipe", "deit-s", "--data", ".", "--accumulate", "0"],
            "accumulate=0, expected an integer >= 1",
        ),
        (["--recipe", "deit-s", "--data", ".", "--amp", "fp8"], "amp='fp8', expected one of 'auto', 'off'"),
    ],
)
def test_wrong_arguments_are_exit_code_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    code, text = call(*arguments, "--output", tmp_path / "out", "--device", "cpu")
    assert code == 2 and message in " ".join(text.split())
    assert not (tmp_path / "out").exists()


def test_every_option_of_a_recipe_and_a_machine_runs(
    recipe: str, few_photographs: Path, basic: list[object], tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    shutil.copy(recipe, tmp_path)
    other = tmp_path / "other.yaml"
    other.write_text(
        "extends: small.yaml\n"
        "transform: {random_erasing: {prob: 0.5, mode: pixel, place: after_mix}, auto_augment: ta_wide}\n"
        "order: {kind: repeated, times: 2}\nlabels: {fraction: 0.1}\nbad_files: {at_most: 3}\n"
        "runtime: {prefetch: 1, read_ahead: 1}\n"
        "policy: {label_smoothing: 0.0}\n"
        "loss: {name: binary-cross-entropy, target_threshold: 0.1}\n"
        "validation: {flip_average: true}\n"
        "training: {optimizer: {name: lamb}, clip_grad_norm: 1.0, drop_path: 0.1, ema: null}\n"
    )
    options = ["--recipe", other, *basic[2:], "--amp", "bf16", "--channels-last", "--tensorboard"]
    code, text = call(*options, "--learning-rate", 0.01, "--seed", 3, "--num-classes", 10, "--log-every", 1)
    assert code == 0, text
    assert "lamb with learning rate 0.01" in text and "amp bfloat16" in text
    with (tmp_path / "out" / "metrics.csv").open() as file:
        (line,) = csv.DictReader(file)
    assert line["ema_top1"] == "" and float(line["val_top5"]) > 0
    assert list((tmp_path / "out").glob("events.out.tfevents.*"))


def test_without_timm_the_message_names_the_extra(
    basic: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("dali_mixup.train")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "timm", None)
    code, text = call(*basic)
    assert code == 2 and "pip install 'dali-mixup[train]'" in " ".join(text.split())
