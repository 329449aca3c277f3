"""What a GPU loader asks of DALI and torch, seen with stand-ins where there is no GPU."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dali_mixup import LabelVectors, MixPolicy, MixUp, train_loader
from dali_mixup._graph import stages
from dali_mixup._loader import batch_targets, run
from dali_mixup._loader.cursor import Cursor
from dali_mixup._loader.run import PipelineRun


class Pipe:
    """A pipeline that notes what it is asked for."""

    def __init__(self) -> None:
        self.streams: list[Any] = []

    def run(self, stream: Any) -> tuple[Any, ...]:
        self.streams.append(stream)
        return ()

    def checkpoint(self) -> bytes:
        return b""


@pytest.fixture
def on_gpu(image_folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PipelineRun, Pipe]:
    """A run that believes to be on a GPU, with a stand-in for its pipeline."""
    loader = train_loader(image_folder, batch_size=4, device="cpu", policy=MixPolicy([MixUp()]))
    live = PipelineRun(loader.spec, loader._progress.bad, Cursor(0))
    live._pipe = pipe = Pipe()
    monkeypatch.setattr(live.batches, "taken", lambda: None)
    monkeypatch.setattr(PipelineRun, "_on_gpu", True)
    monkeypatch.setattr(stages.torch.cuda.nvtx, "range", lambda name: stages.nullcontext())
    monkeypatch.setattr(run.torch.cuda, "current_stream", lambda device: f"the stream of {device}")
    return live, pipe


def test_batches_are_ordered_on_torchs_current_stream(on_gpu: tuple[PipelineRun, Pipe]) -> None:
    live, pipe = on_gpu
    live._next_outputs()
    assert pipe.streams == ["the stream of cpu"]


def test_closing_gives_memory_back_once(
    on_gpu: tuple[PipelineRun, Pipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    released = []
    monkeypatch.setattr(run.backend, "ReleaseUnusedMemory", lambda: released.append(1))
    live, _ = on_gpu
    live.close()
    live.close()
    assert released == [1]


def test_the_cpu_has_no_stream_no_range_and_nothing_to_release(
    image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("asked for on the CPU")

    monkeypatch.setattr(run.torch.cuda, "current_stream", never)
    monkeypatch.setattr(run.backend, "ReleaseUnusedMemory", never)
    monkeypatch.setattr(stages.torch.cuda.nvtx, "range", never)
    with train_loader(image_folder, batch_size=4, device="cpu", policy=MixPolicy([MixUp()])) as loader:
        assert len(next(iter(loader))) == 2


def test_label_vectors_cross_the_bus_from_pinned_memory(
    image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = train_loader(
        image_folder, batch_size=4, device="cpu", labels=LabelVectors(torch.rand(24, 7).numpy())
    )
    next(iter(loader))
    batch: Any = SimpleNamespace(**vars(loader.last_batch), maps=None)
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: pinned.append(self.shape) or self)
    batch_targets.targets_of(batch, loader.spec)
    assert pinned == []
    monkeypatch.setattr(type(loader.spec), "device", torch.device("cuda"))
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *_, **__: self)
    batch_targets.targets_of(batch, loader.spec)
    assert pinned == [(4, 7)]
