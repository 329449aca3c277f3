"""The examples of rows that are not images."""

from __future__ import annotations

import runpy
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
