"""The result of a run as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.equivalence import settings as recipe
from benchmarks.equivalence.resumed import Resumption
from benchmarks.equivalence.settings import ALPHA, LOSS_MARGIN, TITLES, Settings
from benchmarks.equivalence.statistics import compared, interval_of_mean
from benchmarks.equivalence.training import Run
from dali_mixup._files import write_text
from dali_mixup.bench.environment import environment

Report = dict[str, Any]

RECIPE = (
    "MIXUP_ALPHA",
    "CUTMIX_ALPHA",
    "SMOOTHING",
    "HFLIP",
    "AREA",
    "RATIO",
    "MEAN",
    "STD",
    "MOMENTUM",
    "WARM_UP",
)


def report(settings: Settings, runs: Sequence[Run], resumption: Resumption | None, seconds: float) -> Report:
    """Everything that the page and the plot show; `seconds` is the wall time of all runs."""
    values = by_metric(runs)
    margins = {name: settings.margin if name == "test accuracy" else LOSS_MARGIN for name in values}
    return {
        "settings": {**dataclasses.asdict(settings), "data": settings.data.name},
        "recipe": {name.lower(): getattr(recipe, name) for name in RECIPE},
        "alpha": ALPHA,
        "margins": margins,
        "pipelines": {name: TITLES[name] for name in settings.pipelines},
        "mean": {
            metric: {
                name: dict(zip(("mean", "half"), interval_of_mean(of_metric[name]), strict=True))
                for name in settings.pipelines
            }
            for metric, of_metric in values.items()
        },
        "comparisons": {
            metric: [
                {**dataclasses.asdict(one), "verdict": one.verdict}
                for one in compared(of_metric, settings.pairs, margins[metric])
            ]
            for metric, of_metric in values.items()
        },
        "largest_difference_of_test_loaders": max(
            abs(run.accuracy - run.accuracy_val_loader) for run in runs
        ),
        "runs": [dataclasses.asdict(run) for run in runs],
        "resumed": None
        if resumption is None
        else {**dataclasses.asdict(resumption), "identical": resumption.identical},
        "seconds": round(seconds, 1),
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "environment": environment(str(settings.data)),
    }


def by_metric(runs: Sequence[Run]) -> Mapping[str, Mapping[str, list[float]]]:
    """Metric -> pipeline -> one number per seed."""
    values: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        for metric, value in run.metrics.items():
            values.setdefault(metric, {}).setdefault(run.pipeline, []).append(value)
    return values


def write(found: Report, path: Path) -> None:
    write_text(path, json.dumps(found, indent=1, allow_nan=False) + "\n")
