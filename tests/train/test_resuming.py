"""What a run continues from, and what it refuses to continue from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from dali_mixup.train import TrainOptions, prepared
from tests.train.running import run
from tests.train.test_records import lines

OPTIONS: dict[str, Any] = {"image_size": 32, "epochs": 2}


def test_a_finished_run_that_resumes_gives_its_last_line(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    first = run(recipe, few_photographs, tmp_path, **OPTIONS)
    again = run(recipe, few_photographs, tmp_path, **OPTIONS, resume=True)
    assert again == first and again.metrics["epoch"] == 1
    assert f"{again.metrics['val_loss']:.6g}" == lines(tmp_path)[-1]["val_loss"]


def test_a_run_stopped_in_its_second_epoch_has_the_line_of_the_first(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    assert run(recipe, few_photographs, tmp_path, **OPTIONS, max_steps=2).metrics == {}
    for _ in range(2):
        outcome = run(recipe, few_photographs, tmp_path, **OPTIONS, max_steps=2, resume=True)
    assert outcome.epoch == 1 and outcome.metrics["epoch"] == 0


@pytest.mark.parametrize("model", ["deit_tiny_patch16_224", "test_resnet"])
def test_another_image_size_is_refused_by_its_name(
    recipe: str, few_photographs: Path, tmp_path: Path, model: str
) -> None:
    run(recipe, few_photographs, tmp_path, image_size=32, model=model, max_steps=1)
    with pytest.raises(
        ValueError, match=r"belongs to another run \(image_size: saved \[32, 32\], now \[48, 48\]"
    ):
        run(recipe, few_photographs, tmp_path, image_size=48, model=model, resume=True)


def test_other_validation_data_are_refused(recipe: str, few_photographs: Path, tmp_path: Path) -> None:
    run(recipe, few_photographs, tmp_path / "out", **OPTIONS, max_steps=1)
    same = shutil.copytree(few_photographs / "val", tmp_path / "copy")
    run(recipe, few_photographs, tmp_path / "out", **OPTIONS, max_steps=1, val_data=same, resume=True)
    next((same / "cat").iterdir()).rename(same / "coffee" / "cat.jpg")
    with pytest.raises(
        ValueError, match=r"another run \(validation\.data: saved .*; validation\.labels: saved"
    ):
        run(recipe, few_photographs, tmp_path / "out", **OPTIONS, val_data=same, resume=True)


def test_a_new_run_does_not_replace_metrics_without_a_checkpoint(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    run(recipe, few_photographs, tmp_path, **OPTIONS)
    (tmp_path / "checkpoint.pt").unlink()
    before = (tmp_path / "metrics.csv").read_bytes()
    for resume in (False, True):
        with pytest.raises(ValueError, match=r"metrics\.csv has the numbers of 2 epochs"):
            run(recipe, few_photographs, tmp_path, **OPTIONS, resume=resume)
    assert (tmp_path / "metrics.csv").read_bytes() == before


def test_broken_metrics_are_refused_before_the_work(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    run(recipe, few_photographs, tmp_path, **OPTIONS, max_steps=5)
    (tmp_path / "metrics.csv").write_text("epoch,step\none,2\n")
    options = TrainOptions(
        recipe, few_photographs, output=tmp_path, device="cpu", num_threads=1, resume=True, **OPTIONS
    )
    with pytest.raises(ValueError, match=r"metrics\.csv, line 2: epoch='one'"), prepared(options):
        raise AssertionError("prepared")


def test_weights_of_another_network_are_refused_with_what_may_be_wrong(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    run(recipe, few_photographs, tmp_path, **OPTIONS, max_steps=1)
    file = tmp_path / "checkpoint.pt"
    state = torch.load(file, weights_only=True)
    state["learner"]["model"].popitem()
    torch.save(state, file)
    with pytest.raises(
        ValueError, match=r"weights do not fit this network \(.*another version of timm than \d"
    ):
        run(recipe, few_photographs, tmp_path, **OPTIONS, resume=True)
