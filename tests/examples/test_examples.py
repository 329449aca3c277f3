"""Every example against the real framework, on a few small images. The DDP example runs in tests/distributed."""

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


@pytest.fixture
def run(imagenet_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs an example's main on the 24 training and 12 validation images, in an empty folder, without a GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    def main(name: str, *arguments: str) -> Any:
        example = runpy.run_path(str(EXAMPLES / name))
        return example["main"]([str(imagenet_root / "train"), str(imagenet_root / "val"), *arguments])

    return main


NAMES = sorted(file.name for file in EXAMPLES.glob("*.py"))


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


class TestLightning:
    GIVEN = (*TINY, "--batch-size", "4")

    def test_fit_with_sanity_check_and_validation(self, run: Callable[..., Any]) -> None:
        pytest.importorskip("lightning")
        trainer = run("lightning_fit.py", *self.GIVEN, "--epochs", "2")
        assert (trainer.current_epoch, trainer.global_step) == (2, 12)
        assert 0 <= trainer.callback_metrics["accuracy"] <= 1
        loader = trainer.train_dataloader
        assert (loader.epoch, loader.state_dict()["step"]) == (2, 0)

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


class TestAccelerate:
    GIVEN = (*TINY, "--batch-size", "4", "--checkpoints", "saved")

    def test_the_last_window_of_an_epoch_is_applied(
        self, run: Callable[..., Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        pytest.importorskip("accelerate")
        accuracy, steps = run("accelerate_loop.py", *self.GIVEN, "--epochs", "2", "--accumulate", "4")
        assert 0 <= accuracy <= 1 and "of 12 validation images" in capsys.readouterr().out
        assert steps == 2 * 2, "6 batches per epoch are a window of 4 and one of 2"
        _, steps = run("accelerate_loop.py", *self.GIVEN, "--epochs", "3", "--accumulate", "4")
        assert steps == 2, "the resumed run has one epoch left"

    def test_the_end_is_told_at_the_last_batch_and_only_there(self, imagenet_root: Path) -> None:
        pytest.importorskip("accelerate")
        from accelerate import Accelerator

        from dali_mixup import train_loader, val_loader
        from dali_mixup.integrations.accelerate import AccelerateLoader

        accelerator = Accelerator(cpu=True)
        size = {"image_size": 8, "device": "cpu"}
        batches = AccelerateLoader(train_loader(imagenet_root / "train", batch_size=4, **size))
        inner = AccelerateLoader(val_loader(imagenet_root / "val", batch_size=5, **size))
        state, told = accelerator.gradient_state, []
        assert accelerator.prepare(batches) is batches
        for images, _ in batches:
            told.append((state.end_of_dataloader, state.remainder))
            rows = [len(accelerator.gather_for_metrics(labels)) for _, labels in inner]
            assert rows == [5, 5, 2] and len(accelerator.gather_for_metrics(images)) == 4
            assert (state.end_of_dataloader, state.remainder) == told[-1], "the outer loop's again"
        assert told == [(False, 0)] * 5 + [(True, 0)]
        assert not state.in_dataloader
        next(iter(batches))
        assert not state.in_dataloader, "a broken loop leaves nothing behind"
        assert len(batches) == 6 and batches.batch_size == 4 and len(batches.dataset) == 24


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
