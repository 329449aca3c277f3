"""Running a benchmark and gathering its results."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from dali_mixup.bench.contenders import CONTENDERS
from dali_mixup.bench.environment import environment, image_statistics
from dali_mixup.bench.equal_work import examine, faults
from dali_mixup.bench.fitness import read_in_epochs
from dali_mixup.bench.isolated import RunFailed, isolated
from dali_mixup.bench.measure import Measurement, Task, epoch_length, measure
from dali_mixup.bench.page_cache import named, prepare
from dali_mixup.bench.schedule import Run, interleaved, points
from dali_mixup.bench.work import Samples, Work, epoch_of

FORMAT = 1  # version of the report


@dataclass(frozen=True)
class Plan:
    """A benchmark to run.

    Attributes:
        samples: every image of the data.
        work: the work at the main point; the threads and batch sizes of the other points replace its own.
        contenders: names; all others are listed as left out.
        modes: modes of `feeds.MODES`.
        threads, batch_sizes: the main value first.
        repeats: number of repeats of every measurement; fewer than five cannot be ranked.
        batches, warmup: measured batches, and the fewest of warm-up, of a run.
        cache: one of `page_cache.STATES`.
        model: network of the training step.
        limit: seconds after which a run counts as failed.
        command: the command line that repeats it.
    """

    samples: Samples
    work: Work
    contenders: Sequence[str]
    modes: Sequence[str]
    threads: Sequence[int]
    batch_sizes: Sequence[int]
    repeats: int
    batches: int
    warmup: int
    cache: str
    model: str
    limit: float
    command: str


def run(plan: Plan, progress: Callable[[int, int, str], None]) -> dict[str, Any]:
    """Run the plan. Returns the report, JSON-able. progress(done, total, next step) is called before every step.

    A contender that is missing, does unequal work or fails is listed with the reason and left out from there on.
    """
    status = {name: _absent(name, plan) for name in CONTENDERS}
    candidates = [name for name in plan.contenders if not status[name]]
    steps = len(candidates) + len(_schedule(candidates, plan))
    facts = {}
    for done, name in enumerate(candidates):
        progress(done, steps, f"does {name} do equal work?")
        facts[name], status[name] = _examined(name, plan)
    able = [name for name in candidates if not status[name]]
    schedule = _schedule(able, plan)
    results: list[dict[str, Any]] = []
    for done, turn in enumerate(schedule):
        progress(len(candidates) + done, len(candidates) + len(schedule), f"{turn.contender}, {turn.mode}")
        if status[turn.contender]:
            continue
        try:
            results.append(asdict(turn) | _rounded(_measured(turn, plan)))
        except RunFailed as error:
            status[turn.contender] = f"failed: {error}"
    progress(1, 1, "")
    return {
        "format": FORMAT,
        "command": plan.command,
        "environment": environment(plan.samples[0][0]),
        "data": image_statistics(plan.samples),
        "cache": _cache_name(plan),
        "settings": _settings(plan),
        "contenders": [
            {"name": name, "title": CONTENDERS[name].title, "role": CONTENDERS[name].role, "absent": reason}
            for name, reason in status.items()
        ],
        "equal_work": facts,
        "runs": [entry for entry in results if not status[entry["contender"]]],
    }


def files_of(plan: Plan) -> list[str]:
    """The files that the runs read."""
    sizes = []
    for threads, batch_size in points(plan.threads, plan.batch_sizes):
        work = replace(plan.work, threads=threads, batch_size=batch_size)
        sizes.append(epoch_length(work, _warmup(work, plan), plan.batches) * batch_size)
    return read_in_epochs(plan.samples, sizes)


def _warmup(work: Work, plan: Plan) -> int:
    return max(plan.warmup, work.under_way)  # before that the loader only fills its queues


def _schedule(names: Sequence[str], plan: Plan) -> list[Run]:
    """The runs in their order; a network cannot train on the output of a roofline."""
    if not names:
        return []
    runs = interleaved(names, plan.modes, points(plan.threads, plan.batch_sizes), plan.repeats)
    return [run for run in runs if run.mode == "loader" or CONTENDERS[run.contender].role != "roofline"]


def _absent(name: str, plan: Plan) -> str:
    return CONTENDERS[name].missing(plan.work.device) or ("" if name in plan.contenders else "not asked for")


def _examined(name: str, plan: Plan) -> tuple[dict[str, Any], str]:
    contender = CONTENDERS[name]
    if contender.role == "roofline":
        return {}, ""
    work = replace(plan.work, mixed=contender.role == "contender")
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = isolated(examine, contender, work, Path(folder), limit=plan.limit)
    except RunFailed as error:
        return {}, f"failed: {error}"
    wrong = faults(found, work)
    return asdict(found), f"unequal work: {'; '.join(wrong)}" if wrong else ""


def _measured(turn: Run, plan: Plan) -> Measurement:
    mixed = CONTENDERS[turn.contender].role == "contender"
    work = replace(plan.work, threads=turn.threads, batch_size=turn.batch_size, seed=turn.repeat, mixed=mixed)
    warmup = _warmup(work, plan)
    samples = epoch_of(plan.samples, epoch_length(work, warmup, plan.batches) * turn.batch_size)
    prepare(samples, plan.cache)
    task = Task(turn.contender, turn.mode, work, samples, warmup, plan.batches, plan.model)
    return isolated(measure, task, limit=plan.limit)


def _rounded(measurement: Measurement) -> dict[str, Any]:
    """Seconds to microseconds: a report of a thousand waits should stay readable."""
    fields = asdict(measurement) | {"rate": measurement.rate}
    return {
        name: [round(wait, 6) for wait in value] if isinstance(value, list) else round(value, 6)
        for name, value in fields.items()
    }


def _cache_name(plan: Plan) -> str:
    length = epoch_length(plan.work, _warmup(plan.work, plan), plan.batches)
    used = epoch_of(plan.samples, length * plan.work.batch_size)
    size = sum(os.path.getsize(path) for path in {path for path, _ in used})
    return named(plan.cache, size, psutil.virtual_memory().total)


def _settings(plan: Plan) -> dict[str, Any]:
    kept = ("contenders", "modes", "threads", "batch_sizes", "repeats", "batches", "warmup", "model")
    extra = plan.work.dali_threads - plan.work.threads
    return {name: getattr(plan, name) for name in kept} | {
        "dali_extra_threads": extra,
        "work": asdict(plan.work),
    }
