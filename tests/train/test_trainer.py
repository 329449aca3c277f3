"""The trainer learns, and an interrupted run ends with the weights of one that was not."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dali_mixup import load_recipe
from dali_mixup._epochs.ranks import Rank
from dali_mixup.train import TrainingError, TrainOptions, train
from dali_mixup.train.setting_up import loaders
from dali_mixup.train.trainer import Run
from tests.train.running import run

SPEED = ("images_per_second", "stall_share")  # differ from run to run


def weights(output: Path) -> dict[str, torch.Tensor]:
    learner = torch.load(output / "checkpoint.pt", weights_only=True)["learner"]
    return {
        **learner["model"],
        **{f"average.{key}": value for key, value in (learner["average"] or {}).items()},
        **{f"optimizer.{i}": s["exp_avg_sq"] for i, s in learner["optimizer"]["state"].items()},
    }


def lines(output: Path) -> list[dict[str, str]]:
    with (output / "metrics.csv").open() as file:
        return [{k: v for k, v in line.items() if k not in SPEED} for line in csv.DictReader(file)]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_learns_photographs_and_an_interrupted_run_ends_with_the_same_weights(
    recipe: str, photographs: Path, tmp_path: Path
) -> None:
    whole = run(recipe, photographs, tmp_path / "whole")
    assert whole.finished and whole.step == 5 * 15
    assert (
        whole.metrics["val_top1"] >= 80
    )  # of ten classes; other halves of the photographs than it learned from

    first = run(recipe, photographs, tmp_path / "cut", max_steps=37)  # in the middle of the third epoch
    assert not first.finished and (first.epoch, first.step) == (2, 37)
    second = run(recipe, photographs, tmp_path / "cut", resume=True)
    assert second.finished
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert lines(tmp_path / "whole") == lines(tmp_path / "cut")


def test_regmixup_learns_from_clean_and_mixed_images_and_resumes_exactly(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    file = tmp_path / "regmixup.yaml"
    policy = "{methods: [{method: mixup, alpha: 20.0}], prob: 1.0, granularity: batch, label_smoothing: 0.0}"
    text = Path(recipe).read_text()
    head, _, tail = text.partition("policy:")
    file.write_text(
        f"{head}policy: {policy}\nloss: {{name: regmixup}}\nvalidation:{tail.partition('validation:')[2]}"
    )
    options = {"epochs": 2, "image_size": 32}
    run(str(file), few_photographs, tmp_path / "whole", **options)
    first = run(str(file), few_photographs, tmp_path / "cut", **options, max_steps=4)
    assert not first.finished
    assert run(str(file), few_photographs, tmp_path / "cut", **options, resume=True).finished
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert lines(tmp_path / "whole") == lines(tmp_path / "cut")


def test_mixing_stops_when_the_schedule_says_and_the_unmixed_share_is_measured(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    run(recipe, few_photographs, tmp_path)  # mixing from epoch 4 on: off
    shares = [float(line["unmixed_share"]) for line in lines(tmp_path)]
    assert shares[-1] == 1 and all(0.1 < share < 0.9 for share in shares[:-1])


@pytest.mark.parametrize(
    "cuts", [{"max_steps": 3}, {"max_steps": 1, "checkpoint_every": 1}, {"max_steps": 2}], ids=str
)
def test_resumes_exactly_with_accumulation_from_any_step(
    recipe: str, few_photographs: Path, tmp_path: Path, cuts: dict[str, int]
) -> None:
    # 60 images, batches of 8: seven batches per epoch, in groups of 3, 3 and 1. So step 3 ends an epoch: the checkpoint
    # is then written before the validation that belongs to it.
    options = {"batch_size": 8, "accumulate": 3, "epochs": 2, "image_size": 32}
    run(recipe, few_photographs, tmp_path / "whole", **options)
    outcome = run(recipe, few_photographs, tmp_path / "cut", **options, **cuts)
    while not outcome.finished:
        outcome = run(recipe, few_photographs, tmp_path / "cut", **options, **cuts, resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert lines(tmp_path / "whole") == lines(tmp_path / "cut")


def test_ctrl_c_leaves_a_checkpoint_that_continues_exactly(
    recipe: str, few_photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"batch_size": 8, "epochs": 2, "image_size": 32}
    run(recipe, few_photographs, tmp_path / "whole", **options)

    count = Run._count

    def count_and_interrupt(self: Run, *arguments: Any) -> None:
        if self.step == 9:
            os.kill(os.getpid(), signal.SIGINT)
        count(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_count", count_and_interrupt)
        outcome = run(recipe, few_photographs, tmp_path / "cut", **options)
    assert not outcome.finished and outcome.step == 10
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # put back
    run(recipe, few_photographs, tmp_path / "cut", **options, resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


@pytest.mark.gpu
@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_learns_and_resumes_on_a_gpu(recipe: str, photographs: Path, tmp_path: Path, amp: str) -> None:
    options = TrainOptions(
        recipe, photographs, output=tmp_path, device="cuda", amp=amp, channels_last=True, max_steps=37
    )
    assert train(options).step == 37
    outcome = train(replace(options, max_steps=None, resume=True))
    assert outcome.finished and outcome.metrics["val_top1"] >= 80


def test_another_seed_gives_other_weights(recipe: str, few_photographs: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        run(recipe, few_photographs, tmp_path / str(seed), epochs=1, image_size=32, seed=seed)
    assert not same(weights(tmp_path / "0"), weights(tmp_path / "1"))


def test_a_loss_that_is_not_finite_ends_the_run_and_spares_the_checkpoint(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    options = {"image_size": 32, "epochs": 3}
    run(recipe, few_photographs, tmp_path, **options, max_steps=2)
    good = weights(tmp_path)

    def explode(self: Run, share: float) -> float:
        return 1e30

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "_rate", explode)
        with pytest.raises(TrainingError, match=r"NaN or infinite in epoch \d.*learning rate 1e\+30"):
            run(recipe, few_photographs, tmp_path, **options, resume=True, log_every=1, checkpoint_every=1)
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert all(
        torch.isfinite(value).all()
        for value in after["learner"]["model"].values()
        if value.is_floating_point()
    )
    assert good.keys() == weights(tmp_path).keys()


def test_a_finished_run_is_not_overwritten_nor_continued_as_another(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    options = {"image_size": 32, "epochs": 1}
    run(recipe, few_photographs, tmp_path, **options)
    with pytest.raises(ValueError, match=r"exists; continue it with --resume, or choose another --output"):
        run(recipe, few_photographs, tmp_path, **options)
    with pytest.raises(ValueError, match=r"belongs to another run .*seed: saved 0, now 1"):
        run(recipe, few_photographs, tmp_path, **options, resume=True, seed=1)
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match="not a checkpoint that can be read"):
        run(recipe, few_photographs, tmp_path, **options, resume=True)


def test_a_run_is_not_continued_with_another_recipe(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    options = {"image_size": 32, "max_steps": 1}
    run(recipe, few_photographs, tmp_path, **options)
    for change, told in (
        (
            "loss: {name: binary-cross-entropy}",
            "loss.name: saved 'cross-entropy', now 'binary-cross-entropy'",
        ),
        ("validation: {flip_average: true}", "validation.flip_average: saved False, now True"),
        ("validation: {transform: {resize_size: 64}}", "validation.transform.resize_size: saved 48, now 64"),
        ("training: {weight_decay: 0.1}", "training.weight_decay: saved 0.05, now 0.1"),
    ):
        other = Path(recipe).with_name("other.yaml")
        other.write_text(f"extends: {Path(recipe).name}\n{change}\n")
        with pytest.raises(ValueError, match=re.escape(f"belongs to another run ({told}). Pass the recipe")):
            run(str(other), few_photographs, tmp_path, **options, resume=True)


def test_paths_below_the_home_folder(
    recipe: str, few_photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(few_photographs)
    shutil.copy(recipe, tmp_path / "small.yaml")
    options: dict[str, Any] = {"image_size": 32, "max_steps": 1}
    train(TrainOptions("~/small.yaml", "~/data", output=Path("~/out"), device="cpu", **options))
    assert (tmp_path / "out" / "checkpoint.pt").is_file() and not (tmp_path / "~").exists()


def test_a_validation_folder_that_lacks_a_class_keeps_the_labels_of_training(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    folders = sorted((few_photographs / "val").iterdir())
    for folder in folders[1:]:
        shutil.copytree(folder, tmp_path / folder.name)
    options = TrainOptions(recipe, few_photographs, val_data=tmp_path)
    training, validation = loaders(options, load_recipe(recipe), Rank(0, 1, 0, 1), torch.device("cpu"), 8)
    assert validation.classes == training.classes
    assert set(validation.dataset.targets) == set(range(1, len(folders)))


def test_the_divergence_of_views_is_learnt_from_and_resumes_exactly(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    head, _, tail = Path(recipe).read_text().partition("policy:")
    augmented = (
        "{window: shared, count: 2, transform: {scale: [0.5, 1.0], auto_augment: augmix_paper-s3}, size: 48}"
    )
    file = tmp_path / "augmix.yaml"
    file.write_text(
        f"{head}views: [{{}}, {augmented}]\nloss: {{name: jensen-shannon}}\nvalidation:"
        f"{tail.partition('validation:')[2]}"
    )
    options = {"epochs": 2, "image_size": 32}
    run(str(file), few_photographs, tmp_path / "whole", **options)
    assert not run(str(file), few_photographs, tmp_path / "cut", **options, max_steps=4).finished
    assert run(str(file), few_photographs, tmp_path / "cut", **options, resume=True).finished
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert lines(tmp_path / "whole") == lines(tmp_path / "cut")
