"""Every example against the real framework, on a few small images."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dali_mixup.bench.photographs import write_photographs

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = ["--model", "shufflenet_v2_x0_5", "--image-size", "32"]
NAMES = sorted(file.name for file in EXAMPLES.glob("*.py"))


ALWAYS_RIGHT = """
import sys, lightning, lightning_fit, torch
from torch.nn.functional import one_hot

class Oracle(torch.nn.Module):
    def forward(self, images):
        return one_hot(self.labels, 10).float()

class AlwaysRight(lightning_fit.Classifier):
    def __init__(self):
        super().__init__("shufflenet_v2_x0_5", 10)
        self.model = Oracle()

    def validation_step(self, batch, number):
        self.model.labels = batch[1]
        super().validation_step(batch, number)

trainer = lightning.Trainer(accelerator="cpu", devices=2, strategy="ddp_fork", logger=False,
                            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
folders = lightning_fit.ImageFolders(sys.argv[1], sys.argv[2], 8, 32)
(found,) = trainer.validate(AlwaysRight(), datamodule=folders, verbose=False)
print(f"accuracy {found['accuracy']}")
"""


@pytest.mark.parametrize("name", NAMES)
def test_every_example_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` needs no launcher, no data and no GPU, and says what a `--model` is."""
    if name == "tables.py":
        pytest.importorskip("river")  # has no wheels for Python 3.10
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / name))["main"](["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and name in said
    if "--model" in said:
        assert "of torchvision" in said or "of timm" in said


def test_plain_loop_resumes_in_the_middle_of_an_epoch(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    given = [*TINY, "--checkpoint", "run.pt", "--epochs", "2", "--batch-size", "4", "--save-every", "1"]
    run("plain_loop.py", *given, "--stop-after", "8")
    assert capsys.readouterr().out.count("epochs done") == 1
    assert 0 <= run("plain_loop.py", *given) <= 1
    assert capsys.readouterr().out.startswith("2 epochs done")


@pytest.mark.parametrize("pictures", [False, True], ids=["AugMix", "PixMix too"])
def test_robust(
    run: Callable[..., Any], imagenet_root: Path, capsys: pytest.CaptureFixture[str], pictures: bool
) -> None:
    given = [*TINY, "--epochs", "1", "--batch-size", "8"]
    given += ["--pictures", str(imagenet_root / "val")] if pictures else []
    assert 0 <= run("robust.py", *given) <= 1
    assert capsys.readouterr().out.startswith("1 epochs done")


def test_dynamic_mode(run: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    given = [*TINY, "--epochs", "2", "--batch-size", "4"]
    assert 0 <= run("dynamic_mode.py", *given) <= 1
    assert capsys.readouterr().out.startswith("1 epochs done")


def test_dynamic_mode_validates_with_the_classes_of_training(
    imagenet_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    first, *others = sorted(imagenet_root.glob("val/*"))
    for folder in others:
        (tmp_path / folder.name).symlink_to(folder, target_is_directory=True)
    main = runpy.run_path(str(EXAMPLES / "dynamic_mode.py"))["main"]
    seen: set[int] = set()

    def validate(model: Any, validation: Any) -> float:
        seen.update(label for _, labels in validation for label in labels.tolist())
        return 0.0

    main.__globals__["validate"] = validate
    main([str(imagenet_root / "train"), str(tmp_path), *TINY, "--epochs", "1", "--batch-size", "8"])
    assert seen == {1, 2, 3}, f"{first.name} is number 0 in training"


@pytest.mark.parametrize("loss", [[], ["--bce"]], ids=["softmax", "bce"])
def test_timm_step(run: Callable[..., Any], capsys: pytest.CaptureFixture[str], loss: list[str]) -> None:
    given = ["--model", "test_vit", "--image-size", "160", "--epochs", "2", "--batch-size", "8"]
    assert 0 <= run("timm_step.py", *given, "--mixup-off-epoch", "1", *loss) <= 100
    assert "of 12 validation images" in capsys.readouterr().out


def test_timm_step_counts_updates_as_timm_does_and_builds_a_vit_for_the_image_size(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """timm's train.py: the first update's number, for the moving average and for the next rate, is 1."""
    from timm.scheduler import CosineLRScheduler
    from timm.utils import ModelEmaV3

    counted: dict[str, list[int]] = {"average": [], "rate": []}
    update, step_update = ModelEmaV3.update, CosineLRScheduler.step_update

    def averaged(self: Any, model: Any, step: int) -> None:
        counted["average"].append(step)
        update(self, model, step=step)

    def scheduled(self: Any, num_updates: int) -> None:
        counted["rate"].append(num_updates)
        step_update(self, num_updates)

    monkeypatch.setattr(ModelEmaV3, "update", averaged)
    monkeypatch.setattr(CosineLRScheduler, "step_update", scheduled)
    given = ["--model", "vit_tiny_patch16_224", "--image-size", "64", "--batch-size", "8"]
    run("timm_step.py", *given, "--epochs", "2")
    assert counted == {"average": [1, 2, 3, 4, 5, 6], "rate": [1, 2, 3, 4, 5, 6]}


class TestLightning:
    GIVEN = (*TINY, "--batch-size", "4")

    def test_fit_with_sanity_check_and_validation(self, run: Callable[..., Any]) -> None:
        pytest.importorskip("lightning")
        trainer = run("lightning_fit.py", *self.GIVEN, "--epochs", "2")
        assert (trainer.current_epoch, trainer.global_step) == (2, 12)
        assert 0 <= trainer.callback_metrics["accuracy"] <= 1
        loader = trainer.train_dataloader
        assert (loader.epoch, loader.state_dict()["step"]) == (2, 0)

    @pytest.mark.slow  # two processes, which import everything
    def test_accuracy_on_two_devices_counts_every_row_once(self, tmp_path: Path) -> None:
        """23 rows on two ranks are 12 and 11, of which Lightning's own mean made an accuracy of 1.045."""
        pytest.importorskip("lightning")
        write_photographs(tmp_path, train_per_class=1, val_per_class=3)
        for file in sorted((tmp_path / "val").glob("*/*_0.*"))[:7]:
            file.unlink()
        done = subprocess.run(
            [sys.executable, "-c", ALWAYS_RIGHT, tmp_path / "train", tmp_path / "val"],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "PYTHONPATH": str(EXAMPLES)},
        )
        assert "accuracy 1.0\n" in done.stdout, done.stderr[-2000:]

    def test_resumed_in_the_middle_of_an_epoch_it_sees_every_other_batch(
        self, run: Callable[..., Any], imagenet_root: Path, tmp_path: Path
    ) -> None:
        lightning = pytest.importorskip("lightning")
        example = runpy.run_path(str(EXAMPLES / "lightning_fit.py"))
        folders = imagenet_root / "train", imagenet_root / "val"

        class Seen(example["Classifier"]):
            def training_step(self, batch: Any, number: int) -> Any:
                handed_out = self.trainer.train_dataloader.last_batch
                seen.append((handed_out.epoch, handed_out.step, float(batch[0].double().sum())))
                return super().training_step(batch, number)

        def fit(**given: Any) -> list[Any]:
            resume = given.pop("resume", None)
            trainer = lightning.Trainer(
                logger=False, enable_progress_bar=False, enable_model_summary=False, **given
            )
            data = example["ImageFolders"](*map(str, folders), batch_size=4, image_size=32)
            trainer.fit(Seen("shufflenet_v2_x0_5", 4), datamodule=data, ckpt_path=resume)
            return seen

        seen: list[Any] = []
        whole = list(fit(max_epochs=3, enable_checkpointing=False))
        assert [place[:2] for place in whole] == [(epoch, step) for epoch in range(3) for step in range(6)]
        seen.clear()
        save = lightning.pytorch.callbacks.ModelCheckpoint(tmp_path, every_n_train_steps=8, save_top_k=-1)
        first = list(fit(max_steps=8, callbacks=[save]))
        assert first == whole[:8]
        seen.clear()
        (checkpoint,) = tmp_path.glob("*step=8.ckpt")
        assert list(fit(max_epochs=3, enable_checkpointing=False, resume=checkpoint)) == whole[8:]


def test_hugging_face_trainer(run: Callable[..., Any]) -> None:
    pytest.importorskip("transformers")
    given = ["--image-size", "32", "--batch-size", "4", "--width", "4"]
    measured = run("hf_trainer.py", *given, "--epochs", "1")
    assert 0 <= measured["eval_accuracy"] <= 1 and measured["eval_images"] == 12
    assert Path("run/checkpoint-6").is_dir()
    run("hf_trainer.py", *given, "--epochs", "2", "--resume")
    assert Path("run/checkpoint-12").is_dir() and not Path("run/checkpoint-18").exists()


def test_hugging_face_trainer_learns_from_the_mean_over_ranks_and_accumulated_batches(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients are averaged over ranks and summed over accumulated batches, so a batch's share is its mean over their
    number."""
    transformers = pytest.importorskip("transformers")
    from accelerate import Accelerator

    from dali_mixup.losses import soft_cross_entropy

    step = transformers.Trainer.training_step
    losses = []

    def of_two_ranks_and_two_batches(trainer: Any, model: Any, inputs: Any, *given: Any) -> Any:
        trainer.current_gradient_accumulation_steps = 2
        mean = soft_cross_entropy(model.train()(inputs["pixel_values"]).logits, inputs["labels"])
        with monkeypatch.context() as patched:
            patched.setattr(Accelerator, "num_processes", 2)
            loss = step(trainer, model, inputs, *given)
        losses.append((loss.item(), mean.item()))
        return loss

    monkeypatch.setattr(transformers.Trainer, "training_step", of_two_ranks_and_two_batches)
    run("hf_trainer.py", "--image-size", "32", "--batch-size", "8", "--width", "4", "--epochs", "1")
    assert len(losses) == 3
    for loss, mean in losses:
        assert loss == pytest.approx(mean / 2, rel=1e-5)


def test_hugging_face_trainer_is_measured_with_the_statistics_that_are_saved(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It evaluates without DDP, so that every rank would take its own batch statistics; rank 0's are saved."""
    transformers = pytest.importorskip("transformers")
    import accelerate.utils

    evaluate, shared, own = transformers.Trainer.evaluate, set(), set()

    def evaluated(trainer: Any) -> Any:
        measured = evaluate(trainer)
        own.update(set(map(id, trainer.model.buffers())) - shared)
        assert shared
        return measured

    monkeypatch.setattr(accelerate.utils, "broadcast", lambda buffer: shared.add(id(buffer)))
    monkeypatch.setattr(transformers.Trainer, "evaluate", evaluated)
    run("hf_trainer.py", "--image-size", "32", "--batch-size", "8", "--width", "4", "--epochs", "1")
    assert not own


def test_own_dataloader_mixes_the_same_in_its_workers_and_in_the_loop() -> None:
    main = runpy.run_path(str(EXAMPLES / "own_dataloader.py"))["main"]
    in_workers = main(["--epochs", "3", "--workers", "2"])
    assert in_workers == main(["--epochs", "3", "--in-the-loop"])
    assert in_workers > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["plain_loop.py"], ["--checkpoint", "run.pt"]),
        (["dynamic_mode.py"], []),
        (["accelerate_loop.py"], []),
        (["timm_step.py"], ["--model", "resnet18"]),
        (["hf_trainer.py"], []),
        (["-m", "torch.distributed.run", "--nproc-per-node", "2", "ddp.py"], []),
    ],
    ids=lambda part: part[-1].removesuffix(".py") if part and part[-1].endswith(".py") else "",
)
def test_the_first_accuracy_on_the_demo_s_photographs_is_not_chance(
    command: list[str], options: list[str], tmp_path: Path
) -> None:
    """640 training and 160 validation images of 10 classes: by chance fewer than 20% are right, but for 1 in 10,000."""
    write_photographs(tmp_path)
    program = [
        *command[:-1],
        str(EXAMPLES / command[-1]),
        "train",
        "val",
        "--image-size",
        "96",
        "--epochs",
        "1",
    ]
    given = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *program, *options], cwd=tmp_path, env=given, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (accuracy,) = re.findall(r"([0-9.]+)% of (?:the |160 )validation images correct", done.stdout)
    assert float(accuracy) > 20
