"""Weights that are not finite end a run, and do not replace those that were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from dali_mixup.train import TrainingError, TrainOptions, prepared
from dali_mixup.train.trainer import Run
from tests.train.running import run
from tests.train.test_records import lines

OPTIONS: dict[str, Any] = {"image_size": 32, "epochs": 3, "batch_size": 60}  # one step an epoch


def test_an_update_that_ruins_the_weights_is_found_by_validation(
    recipe: str, few_photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(recipe, few_photographs, tmp_path, **OPTIONS, max_steps=1)
    monkeypatch.setattr(Run, "_rate", lambda self, share: 1e37)
    message = r"the validation loss became NaN or infinite in epoch \d, by step 2, at learning rate 1e\+37\."
    with pytest.raises(TrainingError, match=rf"{message} .*checkpoint\.pt, if it exists, is from an earlier"):
        run(recipe, few_photographs, tmp_path, **OPTIONS, resume=True)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 1
    assert len(lines(tmp_path)) == 1  # of the epoch before


@pytest.mark.parametrize("part", ["bare", "average"])
@pytest.mark.parametrize("kind", ["weight", "statistic"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_not_saved(
    recipe: str, few_photographs: Path, tmp_path: Path, part: str, kind: str, value: float
) -> None:
    options = TrainOptions(recipe, few_photographs, output=tmp_path, device="cpu", num_threads=1, **OPTIONS)
    with prepared(options) as made:
        made.save()
        before = (tmp_path / "checkpoint.pt").read_bytes()
        module = made.learner.bare if part == "bare" else made.learner.average.module
        values = module.parameters() if kind == "weight" else (b for b in module.buffers() if b.ndim)
        with torch.no_grad():
            next(iter(values)).view(-1)[0] = value
        with pytest.raises(TrainingError, match="the weights became NaN or infinite in epoch 0, by step 0"):
            made.save()
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_an_average_that_is_ruined_is_found_by_its_validation(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    options = TrainOptions(recipe, few_photographs, output=tmp_path, device="cpu", num_threads=1, **OPTIONS)
    with prepared(options) as made:
        with torch.no_grad():
            for weight in made.learner.average.module.parameters():
                weight.fill_(1e38)
        with pytest.raises(TrainingError, match="the validation loss of the averaged weights became NaN"):
            made.until_done()
    assert not (tmp_path / "checkpoint.pt").exists() and lines(tmp_path) == []
