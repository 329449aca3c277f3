"""The examples of rows that are not images."""

from __future__ import annotations

import runpy
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def threads_of_torch_kept() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def example(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / name))


@pytest.mark.parametrize("method", ["mixup", "specmix"])
def test_words_of_unheard_voices_are_told_apart(
    words_root: Path, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    given = ["--epochs", "6", "--warm-up", "2", "--batch-size", "16", "--method", method]
    accuracy = example("sound.py")["main"]([str(words_root / "train"), str(words_root / "val"), *given])
    assert accuracy > 0.5, "an eighth by chance"
    assert capsys.readouterr().out.count("of the validation sounds correct") == 6


def test_spectrograms_are_mixed_after_the_warm_up_as_the_plan_says(words_root: Path) -> None:
    from nvidia.dali.plugin.pytorch import LastBatchPolicy

    from dali_mixup import MixPolicy, MixUp, Schedule

    made = example("sound.py")
    policy = MixPolicy(MixUp(1.0), granularity="sample", partners="roll", schedule=Schedule(start=1))
    pipeline = made["mixed"](str(words_root / "train"), policy, 8, 20, 0, batch_size=8)
    batches = made["iterator"](pipeline, LastBatchPolicy.DROP)
    for epoch in range(2):
        for step, (batch,) in enumerate(batches):
            plan = policy.plan(8, seed=0, epoch=epoch, step=step, steps_per_epoch=20)
            assert batch["spectrograms"].shape == (8, made["BANDS"], made["TIMES"])
            largest = batch["targets"].max(1).values.numpy()
            assert (largest >= plan.weights.max(1) - 1e-6).all()
            assert (largest == 1).all() == (plan.weights[:, 0] == 1).all() or epoch == 1


def write_noise(folder: Path, sounds: int, classes: int) -> Path:
    """Short wav files, dealt to the folders of the classes in turn."""
    samples = np.random.RandomState(0).randint(-9999, 9999, (sounds, 1600)).astype("<i2")
    for i in range(sounds):
        word = folder / f"{i % classes:02}"
        word.mkdir(parents=True, exist_ok=True)
        with wave.open(str(word / f"{i}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(samples[i].tobytes())
    return folder


@pytest.mark.parametrize("sounds", [9, 10, 12])
def test_epochs_are_the_iterators_whether_or_not_a_batch_is_dropped(tmp_path: Path, sounds: int) -> None:
    from nvidia.dali.plugin.pytorch import LastBatchPolicy

    from dali_mixup import MixPolicy, MixUp

    made, steps = example("sound.py"), -(-sounds // 4)
    policy = MixPolicy(MixUp(1.0), granularity="sample", partners="roll")
    folder = str(
        write_noise(tmp_path, sounds, classes=sounds)
    )  # so that a target's largest number is a weight
    batches = made["iterator"](
        made["mixed"](folder, policy, sounds, steps, 0, batch_size=4), LastBatchPolicy.DROP
    )
    for epoch in range(4):
        targets = [batch["targets"].max(1).values.numpy() for (batch,) in batches]
        plans = [policy.plan(4, seed=0, epoch=epoch, step=step) for step in range(sounds // 4)]
        np.testing.assert_allclose(targets, [plan.weights.max(1) for plan in plans], atol=1e-6)


def test_the_warm_up_is_whole_epochs_where_the_last_batch_is_dropped(tmp_path: Path) -> None:
    from dali_mixup import CutMix, MixPolicy, Schedule, SoftTargetCrossEntropy

    train, val = (write_noise(tmp_path / part, 9, classes=9) for part in ("train", "val"))
    (train / "00" / "README.txt").write_text("which is no sound")
    largest = []

    class Seen(SoftTargetCrossEntropy):
        def forward(self, logits: Any, targets: Any) -> Any:
            largest.append(targets.max(1).values.numpy())
            return super().forward(logits, targets)

    made = example("sound.py")
    main, size = made["main"], (made["BANDS"], made["TIMES"])
    main.__globals__["SoftTargetCrossEntropy"] = Seen
    given = ["--method", "cutmix", "--epochs", "5", "--warm-up", "3", "--batch-size", "4"]
    main([str(train), str(val), *given])
    policy = MixPolicy(CutMix(1.0), granularity="sample", schedule=Schedule(start=3))
    plans = [policy.plan(4, *size, seed=0, epoch=epoch, step=step) for epoch in range(5) for step in range(2)]
    np.testing.assert_allclose(largest, [plan.weights.max(1) for plan in plans], atol=1e-6)
    assert (np.array(largest[:6]) == 1).all() and (np.array(largest[6:]) < 1).any()


def test_class_folders_that_differ_are_refused(tmp_path: Path) -> None:
    train, val = write_noise(tmp_path / "train", 3, classes=3), write_noise(tmp_path / "val", 2, classes=2)
    with pytest.raises(ValueError, match=r"has the class folders \['02'\]; expected the same in both"):
        example("sound.py")["main"]([str(train), str(val)])


def test_tables_are_learned_with_and_without_mixup(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("river")  # has no wheels for Python 3.10
    errors = example("tables.py")["main"](["--splits", "2", "--epochs", "8", "--alpha", "0.2"])
    assert list(errors) == ["wine", "breast cancer", "phishing"]
    most_frequent = {
        "wine": 60,
        "breast cancer": 37,
        "phishing": 44,
    }  # percent wrong if one class is always given
    for name, found in errors.items():
        assert list(found) == [0.0, 0.2] and all(values.shape == (2,) for values in found.values())
        assert all(np.mean(values) < most_frequent[name] / 2 for values in found.values())
    assert "1250 rows" in capsys.readouterr().out


def test_one_split_has_no_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("river")
    example("tables.py")["main"](["--splits", "1", "--epochs", "1", "--alpha", "0.2"])
    said = capsys.readouterr().out
    assert "nan" not in said and said.count("(one split, so no standard error)") == 3
