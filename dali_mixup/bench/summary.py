"""A report's runs as the figures that tables and plots show: pure functions of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup.bench.statistics import (
    Spread,
    percentile_known,
    ranks,
    ratio,
    spread,
    stall_share,
    utilisation,
    waits,
)

OURS = "dali-mixup"
Report = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One contender at the main point, loader only. Seconds and bytes are medians over the repeats.

    Attributes:
        name, title, role: of the contender.
        rate: images per second.
        rank: (best, worst) possible among the ranked contenders; None for the others.
        against: our rate / its rate, repeat by repeat; None for our own row.
        waits: p50, p95, p99 and max over all repeats together.
        waited: the number of those waits.
        build, first, warmup, turnover: seconds of the phases.
        cpu: CPU seconds per thousand images.
        host, on_device: bytes.
        read: bytes that came from storage.
        processes, os_threads: their numbers.
    """

    name: str
    title: str
    role: str
    rate: Spread
    rank: tuple[int, int] | None
    against: Spread | None
    waits: dict[str, float]
    waited: int
    build: float
    first: float
    warmup: float
    turnover: float
    cpu: float
    host: float
    on_device: float
    read: float
    processes: int
    os_threads: int

    @property
    def known_waits(self) -> dict[str, float]:
        """`waits` without the percentiles that so few waits do not show."""
        shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
        return {
            key: seconds
            for key, seconds in self.waits.items()
            if key not in shares or percentile_known(shares[key], self.waited)
        }


@dataclass(frozen=True)
class Training:
    """One contender's training at the main point, medians of seconds per step.

    Attributes:
        training, replay, synthetic: seconds per step in those modes.
        stall: share of the training time spent waiting for the loader, by comparison with replay.
        utilisation: the accelerator's, synthetic / training.
    """

    name: str
    title: str
    training: float
    replay: float
    synthetic: float
    stall: float
    utilisation: float


def rows(report: Report) -> list[Row]:
    """Every measured contender, the fastest first."""
    found = {entry["name"]: _selected(report, entry["name"]) for entry in report["contenders"]}
    found = {name: runs for name, runs in found.items() if runs}
    rates = {name: spread([run["rate"] for run in runs]) for name, runs in found.items()}
    entries = {entry["name"]: entry for entry in report["contenders"]}
    ranked = ranks({name: rate for name, rate in rates.items() if entries[name]["role"] == "contender"})
    table = [
        Row(
            name=name,
            title=entries[name]["title"],
            role=entries[name]["role"],
            rate=rates[name],
            rank=ranked.get(name),
            against=None if name == OURS or OURS not in found else _ratio(found[OURS], runs),
            waits=waits([wait for run in runs for wait in run["waits"]]),
            waited=sum(len(run["waits"]) for run in runs),
            cpu=float(np.median([1000 * run["cpu"] / run["images"] for run in runs])),
            **{key: float(np.median([run[key] for run in runs])) for key in _MEDIANS},
            processes=max(run["processes"] for run in runs),
            os_threads=max(run["os_threads"] for run in runs),
        )
        for name, runs in found.items()
    ]
    return sorted(table, key=lambda row: -row.rate.median)


_MEDIANS = ("build", "first", "warmup", "turnover", "host", "on_device", "read")


def training(report: Report) -> list[Training]:
    """Every contender measured in training and replay, the fastest first; empty without a synthetic run."""
    ceiling = [run for run in report["runs"] if run["mode"] == "synthetic"]
    found = []
    for entry in report["contenders"]:
        modes = [_selected(report, entry["name"], mode) for mode in ("training", "replay")]
        if not ceiling or not all(modes):
            continue
        step, replay, synthetic = (_step(runs) for runs in (*modes, ceiling))
        found.append(
            Training(
                name=entry["name"],
                title=entry["title"],
                training=step,
                replay=replay,
                synthetic=synthetic,
                stall=stall_share(step, replay),
                utilisation=utilisation(synthetic, step),
            )
        )
    return sorted(found, key=lambda row: row.training)


def scaling(report: Report, axis: str) -> dict[str, list[tuple[int, Spread]]]:
    """{contender: [(value, rate), ...]} along "threads" or "batch_size", the other one at its main value; empty if only
    one value was measured."""
    other = {"threads": "batch_size", "batch_size": "threads"}[axis]
    main = {"threads": report["settings"]["threads"][0], "batch_size": report["settings"]["batch_sizes"][0]}
    curves: dict[str, list[tuple[int, Spread]]] = {}
    for entry in report["contenders"]:
        rates: dict[int, list[float]] = {}
        for run in report["runs"]:
            if (run["contender"], run["mode"], run[other]) == (entry["name"], "loader", main[other]):
                rates.setdefault(run[axis], []).append(run["rate"])
        if len(rates) > 1:
            curves[entry["name"]] = [(value, spread(rates[value])) for value in sorted(rates)]
    return curves


def _selected(report: Report, name: str, mode: str = "loader") -> list[dict[str, Any]]:
    """The runs of a contender at the main point, in the order of the repeats."""
    place = (report["settings"]["threads"][0], report["settings"]["batch_sizes"][0])
    mine = [
        run
        for run in report["runs"]
        if (run["contender"], run["mode"], run["threads"], run["batch_size"]) == (name, mode, *place)
    ]
    return sorted(mine, key=lambda run: run["repeat"])


def _ratio(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> Spread:
    return ratio([run["rate"] for run in ours], [run["rate"] for run in theirs])


def _step(runs: Sequence[dict[str, Any]]) -> float:
    return float(np.median([run["steady"] / len(run["waits"]) for run in runs]))
