"""One measurement of one contender: build, first batch, warm-up, steady state and epoch turn-over, timed separately."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

import torch

from dali_mixup.bench.consumers import Consumer, Drain, TrainingStep
from dali_mixup.bench.contenders import CONTENDERS, Batch, Loader
from dali_mixup.bench.feeds import Replay, Resident
from dali_mixup.bench.resources import PeakMemory, device_memory, usage
from dali_mixup.bench.work import Samples, Work


@dataclass(frozen=True)
class Task:
    """The measurement to make.

    Attributes:
        contender: its name.
        mode: one of `feeds.MODES`.
        work: the specification of every batch.
        samples: samples of an epoch, see `epoch_length`.
        warmup, steady: batches after the first that are not measured, and those that are.
        model: network of the training step.
    """

    contender: str
    mode: str
    work: Work
    samples: Samples
    warmup: int
    steady: int
    model: str

    @property
    def steps(self) -> int:
        return self.work.steps(len(self.samples))


def epoch_length(work: Work, warmup: int, steady: int) -> int:
    """Batches of an epoch: the first, warm-up, the measured ones, and as many more as a loader works ahead: without
    those the last measured batches would be made while nothing else is left to do."""
    return 1 + warmup + steady + work.under_way


@dataclass(frozen=True)
class Measurement:
    """Seconds, bytes and counts of one run in a fresh process.

    Attributes:
        build: seconds until the loader exists; modules are imported before.
        first: from then to the first batch.
        warmup: seconds of the warm-up batches.
        steady: seconds of the steady batches, from device synchronisation to device synchronisation.
        images: number of images in the steady batches.
        waits: seconds of each steady batch between asking for it and having it (queued on the device, on a GPU).
        turnover: from asking for a batch after the epoch's last one to having the next epoch's first; less than a
            batch's usual wait if the loader works ahead across the border.
        cpu: CPU seconds of the process and its workers in the steady state.
        host, on_device: peak bytes (`PeakMemory`) from the build to the end of the warm-up and after the steady state;
            the device's above those of an idle process with a CUDA context.
        read: bytes that came from storage from the build to the end of the steady state; -1 if unknown.
        processes, os_threads: their number at the end of the steady state.
    """

    build: float
    first: float
    warmup: float
    steady: float
    images: int
    waits: list[float]
    turnover: float
    cpu: float
    host: int
    on_device: int
    read: int
    processes: int
    os_threads: int

    @property
    def rate(self) -> float:
        """Images per second in the steady state."""
        return self.images / self.steady


def measure(task: Task) -> Measurement:
    """Run the task. Call it in a fresh process: memory and threads of earlier work would count too."""
    work = task.work
    for module in CONTENDERS[task.contender].modules:
        import_module(module)
    torch.empty(1, device=work.device)  # the CUDA context counts as nobody's memory
    before, on_device = usage(), device_memory(work.device)
    with PeakMemory(work.device) as peak:
        start = time.perf_counter()
        loader = _feed(task)
        built = time.perf_counter()
        consume = _consumer(task)
        asked = time.perf_counter()
        batches = loader.epoch()
        consume(next(batches))
        _synchronise(work.device)
        first = time.perf_counter()
        for _ in range(task.warmup):
            consume(next(batches))
        _synchronise(work.device)
        warm = time.perf_counter()
    at_start = usage()
    waits, steady = _timed(batches, consume, task.steady, work.device)
    at_end = usage()
    peak.look()
    turnover = _turn_over(loader, batches, task.steps - 1 - task.warmup - task.steady, work.device)
    loader.close()
    return Measurement(
        build=built - start,
        first=first - asked,
        warmup=warm - first,
        steady=steady,
        images=len(waits) * work.batch_size,
        waits=waits,
        turnover=turnover,
        cpu=at_end.cpu - at_start.cpu,
        host=peak.host,
        on_device=peak.on_device - on_device,
        read=at_end.read - before.read if min(at_end.read, before.read) >= 0 else -1,
        processes=at_end.processes,
        os_threads=at_end.threads,
    )


def _feed(task: Task) -> Loader:
    if task.mode == "synthetic":
        return Resident(task.work, task.steps)
    loader = CONTENDERS[task.contender].build(task.samples, task.work)
    return Replay(loader, task.steps) if task.mode == "replay" else loader


def _consumer(task: Task) -> Consumer:
    if task.mode == "loader":
        return Drain()
    return TrainingStep(task.model, task.work.classes, task.work.device)


def _timed(
    batches: Iterator[Batch], consume: Callable[[Batch], None], count: int, device: str
) -> tuple[list[float], float]:
    """(seconds waited for each of `count` batches, seconds of everything)."""
    waits = []
    start = time.perf_counter()
    for _ in range(count):
        asked = time.perf_counter()
        batch = next(batches)
        waits.append(time.perf_counter() - asked)
        consume(batch)
    _synchronise(device)
    return waits, time.perf_counter() - start


def _turn_over(loader: Loader, batches: Iterator[Batch], left: int, device: str) -> float:
    """Seconds from asking after the epoch's last batch, `left` batches from here, to the next epoch's first."""
    for _ in range(left):
        next(batches)
    start = time.perf_counter()
    if next(batches, None) is not None:
        raise RuntimeError("the epoch is longer than it should be")
    following = loader.epoch()
    next(following)
    _synchronise(device)
    return time.perf_counter() - start


def _synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
