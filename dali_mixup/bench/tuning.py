"""The search for the fastest settings, and the bottleneck that remains with them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from dali_mixup._graph.options import Runtime
from dali_mixup.bench.consumers import Drain
from dali_mixup.bench.contenders.ours import loader_of
from dali_mixup.bench.fitness import read_in_epochs
from dali_mixup.bench.halving import best, rounds
from dali_mixup.bench.isolated import RunFailed, isolated
from dali_mixup.bench.page_cache import prepare
from dali_mixup.bench.stages import STAGES, Stage, seconds_a_batch
from dali_mixup.bench.verdict import Verdict, verdict
from dali_mixup.bench.work import Samples, Work, epoch_of

_FEW = 4
"""Batches of images that a stage is timed on."""


@dataclass(frozen=True)
class Search:
    """One search for settings.

    Attributes:
        samples: samples of the data.
        work: its device is where training happens, its threads and prefetch are not used.
        pipeline: "cpu" or "cuda", DALI's backend.
        candidates: settings to try, the default first.
        budget: batches to spend on the search.
        model: network whose training step is the consumer; "" for no consumer.
        limit: seconds after which a trial counts as failed.
    """

    samples: Samples
    work: Work
    pipeline: str
    candidates: Sequence[Runtime]
    budget: int
    model: str
    limit: float


@dataclass(frozen=True)
class Found:
    """The outcome of a search.

    Attributes:
        settings: the fastest.
        rate, default_rate: images per second of it and of the default, measured in the same last round's length.
        history: what each round measured.
        verdict: the bottleneck with these settings.
    """

    settings: Runtime
    rate: float
    default_rate: float
    history: list[dict[Runtime, float]]
    verdict: Verdict


def files_of(plan: Search) -> list[str]:
    """The files that the search reads."""
    schedule = rounds(len(plan.candidates), plan.budget)
    lengths = {batches for _, batches in schedule} | {_longest(schedule)}
    batches = {_batches(settings, length) for settings in plan.candidates for length in lengths} | {_FEW}
    return read_in_epochs(plan.samples, [count * plan.work.batch_size for count in batches])


def search(plan: Search, progress: Callable[[int, int, str], None]) -> Found:
    """Run the search. progress(done, total, next step) is called before every trial.

    Raises:
        ValueError: no setting could be run.
        RunFailed: a stage could not be timed.
    """
    stages = _stages(plan)
    schedule = rounds(len(plan.candidates), plan.budget)
    trials = sum(size for size, _ in schedule) + 2 + len(stages)
    done = 0

    def rate(settings: Runtime, batches: int) -> float:
        nonlocal done
        progress(
            done, trials, f"{settings.num_threads} threads, {settings.prefetch} ahead, {batches} batches"
        )
        done += 1
        try:
            return isolated(images_a_second, plan, settings, batches, limit=plan.limit)
        except RunFailed:
            return -math.inf

    winner, history = best(plan.candidates, plan.budget, rate)
    longest = _longest(schedule)
    final = rate(winner, longest)
    # The same settings measured twice would look like two.
    default = final if winner == plan.candidates[0] else rate(plan.candidates[0], longest)
    if default >= final:
        winner, final = plan.candidates[0], default
    times = {}
    for name in stages:
        progress(done, trials, f"how long does {name} take?")
        done += 1
        stage = Stage(
            name, plan.work, _epoch(plan, _FEW), winner, plan.pipeline, max(_FEW, longest), plan.model
        )
        times[name] = isolated(seconds_a_batch, stage, limit=plan.limit)
    progress(trials, trials, "")
    return Found(winner, final, default, history, verdict(times))


def images_a_second(plan: Search, settings: Runtime, batches: int) -> float:
    """Steady rate of the loader alone; call it in a process of its own."""
    samples = _epoch(plan, _batches(settings, batches))
    prepare(samples, "warm")
    drain = Drain()
    mixed = replace(plan.work, mixed=True)
    with loader_of(samples, mixed, plan.pipeline, settings) as loader:
        epoch = iter(loader)
        for _ in range(_filling(settings)):
            drain(next(epoch))
        _synchronise(plan.pipeline)
        start = time.perf_counter()
        for _ in range(batches):
            drain(next(epoch))
        _synchronise(plan.pipeline)
        return batches * plan.work.batch_size / (time.perf_counter() - start)


def _filling(settings: Runtime) -> int:
    return 1 + settings.prefetch


def _batches(settings: Runtime, measured: int) -> int:
    """Batches of an epoch of which so many are measured."""
    return _filling(settings) + measured + settings.prefetch


def _longest(schedule: Sequence[tuple[int, int]]) -> int:
    """Batches of the last measurements, of the winner and of the default."""
    return 2 * schedule[-1][1]


def _stages(plan: Search) -> list[str]:
    copies = plan.pipeline != plan.work.device
    found = [stage for stage in STAGES if stage != "copy" or copies]
    return [*found, "consumer"] if plan.model else found


def _epoch(plan: Search, batches: int) -> Samples:
    return epoch_of(plan.samples, batches * plan.work.batch_size)


def _synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
