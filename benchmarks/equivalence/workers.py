"""Runs side by side, each in a process with one of torch's threads."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from typing import Any

import torch

from benchmarks.equivalence.settings import Settings
from benchmarks.equivalence.training import Run, trained

_epochs: Any = None  # of a worker process: the queue that counts epochs


def prepare() -> None:
    """Set up a process for training: one thread, since the networks are small and others run beside it, and no line in
    the log for every loader."""
    torch.set_num_threads(1)
    logging.getLogger("dali_mixup").setLevel(logging.WARNING)


def all_runs(settings: Settings, jobs: int, advance: Callable[[], None]) -> list[Run]:
    """Train every pipeline with every seed, `jobs` at a time; `advance` is called after every epoch of every run.

    Returns:
        the runs, seed by seed, in the order of the settings' pipelines.
    """
    context = multiprocessing.get_context("spawn")  # DALI does not survive a fork
    queue = context.SimpleQueue()
    with ProcessPoolExecutor(jobs, context, _start, (queue,)) as pool:
        futures = [
            pool.submit(_run, pipeline, settings, seed)
            for seed in settings.all_seeds
            for pipeline in settings.pipelines
        ]
        left = set(futures)
        try:
            while left:
                done, left = wait(left, timeout=0.5, return_when=FIRST_COMPLETED)
                while not queue.empty():
                    queue.get()
                    advance()
                for future in done:
                    future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _start(queue: Any) -> None:
    global _epochs
    _epochs = queue
    prepare()


def _run(pipeline: str, settings: Settings, seed: int) -> Run:
    return trained(pipeline, settings, seed, lambda: _epochs.put(None))
