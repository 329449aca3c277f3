"""A claim's result as JSON: everything from which tables, pictures and pages are made."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dali_mixup
from benchmarks.claims.runner import Result, settings
from benchmarks.claims.statistics import CONFIDENCE
from dali_mixup._files import write_text
from dali_mixup.bench.environment import commit_of, environment

DIGITS = 5  # of a number in a curve
NUMBERS = re.compile(r"\[\s+([-\d.e+,\s]+?)\s+\]")


def write(result: Result, path: Path, folder: Path) -> dict[str, Any]:
    """Write the result with its environment, and return what was written; `folder` holds the images."""
    claim = result.claim
    found: dict[str, Any] = {
        "claim": claim.name,
        "source": claim.source,
        "statement": claim.statement,
        "settings": settings(claim),
        "seeds": list(range(len(result.seeds))),
        "confidence": CONFIDENCE,
        "metrics": dict(claim.metrics),
        "mean": {
            arm: {metric: dataclasses.asdict(found) for metric, found in metrics.items()}
            for arm, metrics in result.summary.items()
        },
        "directions": [
            {
                "direction": str(verdict.direction),
                "says": verdict.direction.says,
                "metric": verdict.direction.metric,
                "high": verdict.direction.high,
                "low": verdict.direction.low,
                "margin": verdict.direction.margin,
                "near": verdict.direction.near,
                "difference": dataclasses.asdict(verdict.difference),
                "p": verdict.p,
                "outcome": verdict.outcome,
            }
            for verdict in result.verdicts
        ],
        "each_seed": [seed.arms for seed in result.seeds],
        "curves": {
            name: {
                "x": axes.x,
                "y": axes.y,
                "log": axes.log,
                "arms": {
                    arm: {
                        "x": _short(curve.x),
                        "each_seed": [_short(seed.curves[name][arm].y) for seed in result.seeds],
                    }
                    for arm, curve in result.seeds[0].curves[name].items()
                },
            }
            for name, axes in claim.curves.items()
        },
        "cpu_seconds": round(result.cpu_seconds, 1),
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "environment": environment(str(folder)) | {"commit": _commit()},
    }
    text = json.dumps(found, indent=1, allow_nan=False)
    one_line = NUMBERS.sub(lambda match: f"[{' '.join(match[1].split())}]", text)
    write_text(path, one_line + "\n")
    return found


def _commit() -> str | None:
    """The commit, with "-dirty" if the library or the experiments differ from it."""
    parts = [commit_of(Path(dali_mixup.__file__).parent), commit_of(Path(__file__).parent)]
    return next((part for part in parts if part and part.endswith("-dirty")), parts[0])


def _short(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
