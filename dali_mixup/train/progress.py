"""The progress bar: images per second, and the share of the time that training waited for the loader."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Stopwatch:
    """Time spent, and time spent waiting for batches, since the epoch's first batch was asked for."""

    def __init__(self) -> None:
        self.images = 0
        self.waited = 0.0
        self._start = time.perf_counter()

    def timed(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The batches; the wait for each one is counted."""
        while True:
            before = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self.waited += time.perf_counter() - before
            images = batch[0]
            self.images += len(images[0] if isinstance(images, tuple) else images)  # views are of one sample
            yield batch

    @property
    def images_per_second(self) -> float:
        return self.images / self._passed

    @property
    def stall_share(self) -> float:
        """In [0, 1]; on a GPU it counts the host's waiting, so 0 means that batches were always ready."""
        return self.waited / self._passed

    @property
    def _passed(self) -> float:
        return max(time.perf_counter() - self._start, 1e-9)


EVERY = 30.0
"""Seconds between the lines in a log file."""


class Bar:
    """A line for the current epoch; where there is no terminal, one every 30 seconds. Silent if `shown` is False (every
    rank but the first, and --quiet)."""

    def __init__(self, console: Console, shown: bool):
        self._lines = console if shown and not console.is_terminal else None
        self._printed = float("-inf")
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not shown,
        )
        self._task = self._progress.add_task("", total=1, epoch=0, speed="")

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, epoch: int, batches: int, done: int) -> None:
        self._progress.reset(self._task, total=batches, completed=done, epoch=epoch, speed="")

    def advance(self) -> None:
        self._progress.advance(self._task)

    def speed(self, watch: Stopwatch, loss: float) -> None:
        text = f"loss {loss:.3f}, {watch.images_per_second:.0f} img/s, {watch.stall_share:.0%} waiting for the loader"
        self._progress.update(self._task, speed=text)
        if self._lines is not None and time.monotonic() - self._printed >= EVERY:
            self._printed = time.monotonic()
            task = self._progress.tasks[0]
            self._lines.print(
                f"epoch {task.fields['epoch']}: {task.completed:.0f} of {task.total:.0f} batches, {text}",
                soft_wrap=True,
                highlight=False,
            )
