"""The loader cut off after each stage, to measure the cost of each."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import torch

from dali_mixup._graph.options import Runtime
from dali_mixup.bench.consumers import Drain, TrainingStep
from dali_mixup.bench.contenders.dali_torch import arguments, decoded
from dali_mixup.bench.contenders.ours import loader_of
from dali_mixup.bench.feeds import Resident
from dali_mixup.bench.work import Samples, Work

STAGES = ("read", "decode", "augment", "mix", "copy")
"""read: bytes from the files. decode: pixels of the crop. augment: resize, flip, normalise. mix: the mixed batch on the
device of the pipeline. copy: the batch on the device that trains, if that is another one."""


@dataclass(frozen=True)
class Stage:
    """A stage to time: the pipeline up to and including it.

    Attributes:
        name: of `STAGES`, or "consumer": a training step on a batch that exists already.
        pipeline: "cpu" or "cuda", where the pipeline runs; `work.device` is where training happens.
    """

    name: str
    work: Work
    samples: Samples
    settings: Runtime
    pipeline: str
    batches: int
    model: str


def seconds_a_batch(stage: Stage) -> float:
    """Time per batch when everything up to the stage runs as fast as it can; call it in a process of its own."""
    step = _step_of(stage)
    for _ in range(1 + stage.settings.prefetch):
        step()
    start = time.perf_counter()
    for _ in range(stage.batches):
        step()
    return (time.perf_counter() - start) / stage.batches


def _step_of(stage: Stage) -> Any:
    """A function that waits for one batch."""
    if stage.name in ("read", "decode"):
        return _dali_step(stage)
    if stage.name == "consumer":
        batch = next(Resident(stage.work, 1).epoch())
        train = TrainingStep(stage.model, stage.work.classes, stage.work.device)
        return lambda: _synchronised(lambda: train(batch))
    mixed = replace(stage.work, mixed=stage.name != "augment")
    loader = loader_of(stage.samples, mixed, stage.pipeline, stage.settings)
    batches, drain = _endless(loader), Drain()
    target = stage.work.device if stage.name == "copy" else stage.pipeline
    return lambda: _synchronised(lambda: drain(tuple(part.to(target) for part in next(batches))))


def _dali_step(stage: Stage) -> Any:
    from nvidia.dali import fn, pipeline_def

    work = replace(stage.work, device=stage.pipeline, prefetch=stage.settings.prefetch)

    @pipeline_def(**arguments(work) | {"num_threads": stage.settings.num_threads or work.dali_threads})
    def pipeline() -> Any:
        if stage.name == "decode":
            return decoded(stage.samples, work)[0]
        return fn.readers.file(files=[path for path, _ in stage.samples], pad_last_batch=False)[0]

    pipe = pipeline()
    pipe.build()
    return lambda: _synchronised(pipe.run)


def _endless(loader: Any) -> Any:
    while True:
        yield from loader


def _synchronised(call: Any) -> None:
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
