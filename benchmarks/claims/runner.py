"""Running a claim over its seeds, and the result."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.claims.claim import Arms, Claim
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Verdict, judge
from benchmarks.claims.statistics import CONFIDENCE, Interval, interval
from dali_mixup._files import write_text
from dali_mixup.bench.environment import environment


@dataclass(frozen=True)
class Result:
    """A claim, the measurements of every seed, and the time they took.

    Attributes:
        seconds: wall time of all seeds together.
    """

    claim: Claim
    seeds: tuple[Arms, ...]
    seconds: float

    @property
    def summary(self) -> dict[str, dict[str, Interval]]:
        """Arm -> metric -> mean over the seeds."""
        return {
            arm: {metric: interval([seed[arm][metric] for seed in self.seeds]) for metric in metrics}
            for arm, metrics in self.seeds[0].items()
        }

    @property
    def verdicts(self) -> list[Verdict]:
        return [judge(direction, self.seeds) for direction in self.claim.directions]


def run(claim: Claim, seeds: int, digits: Digits, advance: Callable[[], None]) -> Result:
    """Run the claim with seeds 0, 1, ..., seeds - 1; `advance` is called `claim.ticks` times for each."""
    start = time.perf_counter()
    measured = tuple(claim.measure(seed, digits, advance) for seed in range(seeds))
    return Result(claim, measured, time.perf_counter() - start)


def write(result: Result, path: Path, folder: Path) -> None:
    """The result as JSON, with its environment; `folder` holds the images."""
    claim = result.claim
    found: dict[str, Any] = {
        "claim": claim.name,
        "source": claim.source,
        "statement": claim.statement,
        "settings": dataclasses.asdict(claim),  # type: ignore[call-overload]  # every claim is a dataclass
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
                "difference": dataclasses.asdict(verdict.difference),
                "seen": verdict.seen,
            }
            for verdict in result.verdicts
        ],
        "each_seed": list(result.seeds),
        "seconds": round(result.seconds, 1),
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "environment": environment(str(folder)),
    }
    write_text(path, json.dumps(found, indent=1, allow_nan=False) + "\n")
