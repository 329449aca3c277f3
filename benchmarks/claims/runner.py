"""Running claims over their seeds, side by side, and the result of each."""

from __future__ import annotations

import dataclasses
import logging
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import torch
from threadpoolctl import threadpool_limits

from benchmarks.claims.claim import Claim, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Verdict, judge
from benchmarks.claims.statistics import Interval, interval


@dataclass(frozen=True)
class Result:
    """A claim and the measurements of its seeds 0, 1, ...

    Attributes:
        cpu_seconds: CPU time of all seeds together, on all threads; unlike wall time it is much the same on a machine
            that is busy with other work.
    """

    claim: Claim
    seeds: tuple[Measured, ...]
    cpu_seconds: float

    @property
    def summary(self) -> dict[str, dict[str, Interval]]:
        """Arm -> metric -> mean over the seeds."""
        return {
            arm: {metric: interval([seed.arms[arm][metric] for seed in self.seeds]) for metric in metrics}
            for arm, metrics in self.seeds[0].arms.items()
        }

    @property
    def verdicts(self) -> list[Verdict]:
        return judge(self.claim.directions, [seed.arms for seed in self.seeds])


def run(
    claims: Sequence[tuple[Claim, int]], digits: Digits, jobs: int, advance: Callable[[], None]
) -> Iterator[Result]:
    """Run each claim with its number of seeds, up to `jobs` seeds at a time, each in a process of its own with one
    thread, and yield a claim's result as soon as its last seed has ended; `advance` is called after every seed."""
    # Spawned, since neither DALI nor torch survives a fork once it has threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_quiet) as pool:
        waiting: dict[Future[tuple[Measured, float]], tuple[int, int]] = {
            pool.submit(measure, claim, seed, digits): (place, seed)
            for place, (claim, seeds) in enumerate(claims)
            for seed in range(seeds)
        }
        found: list[dict[int, tuple[Measured, float]]] = [{} for _ in claims]
        try:
            for future in as_completed(waiting):
                place, seed = waiting[future]
                found[place][seed] = future.result()
                claim, seeds = claims[place]
                advance()
                if len(found[place]) == seeds:
                    measured, seconds = zip(*(found[place][seed] for seed in range(seeds)), strict=True)
                    yield Result(claim, measured, sum(seconds))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def measure(claim: Claim, seed: int, digits: Digits) -> tuple[Measured, float]:
    """One seed, and its CPU time in seconds."""
    start = time.process_time()
    measured = claim.measure(seed, digits)
    return measured, time.process_time() - start


def _quiet() -> None:
    """A worker's set-up: the networks are small, so a second thread would only wait; what a loader says of itself would
    tear the progress display."""
    torch.set_num_threads(1)
    threadpool_limits(1)  # NumPy's
    logging.getLogger("dali_mixup").setLevel(logging.ERROR)


def settings(claim: Claim) -> dict[str, object]:
    """The claim's fields."""
    return dataclasses.asdict(claim)  # type: ignore[call-overload]  # every claim is a dataclass
