"""examples/accelerate_loop.py: accumulated gradients, and its checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

accelerate = pytest.importorskip("accelerate")

GIVEN = ("--model", "shufflenet_v2_x0_5", "--image-size", "32", "--batch-size", "4", "--checkpoints", "saved")


def test_the_last_window_of_an_epoch_is_applied(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    accuracy, steps = run("accelerate_loop.py", *GIVEN, "--epochs", "2", "--accumulate", "4")
    assert 0 <= accuracy <= 1 and "of 12 validation images" in capsys.readouterr().out
    assert steps == 2 * 2, "6 batches per epoch are a window of 4 and one of 2"
    _, steps = run("accelerate_loop.py", *GIVEN, "--epochs", "3", "--accumulate", "4")
    assert steps == 2, "the resumed run has one epoch left"
    said = capsys.readouterr().out
    accuracy, steps = run("accelerate_loop.py", *GIVEN, "--epochs", "3")
    assert steps == 0 and capsys.readouterr().out == said, "the finished run only measures its model"


def test_interrupted_while_it_saves_it_trains_no_epoch_twice(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(loader: Any, *given: Any, **more: Any) -> None:
        if loader.epoch == 2:
            raise KeyboardInterrupt
        save(loader, *given, **more)

    save = accelerate.accelerator.save_custom_state
    given = (*GIVEN, "--epochs", "2", "--accumulate", "1")
    with monkeypatch.context() as patched:
        patched.setattr(accelerate.accelerator, "save_custom_state", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("accelerate_loop.py", *given)
    run("accelerate_loop.py", *given)
    (saved,) = Path("saved").rglob("optimizer.bin")
    assert torch.load(saved)["state"][0]["step"] == 12


def test_the_end_is_told_at_the_last_batch_and_only_there(imagenet_root: Path) -> None:
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
