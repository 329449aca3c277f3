"""A progress bar with the remaining time, or lines of text where there is no terminal."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

log = logging.getLogger("dali_mixup")

EVERY = 30.0
"""Seconds between the lines in a log file."""


class Report(Protocol):
    """Takes the number of steps that are done, their total, and the next step in words."""

    def __call__(self, done: int, of: int, now: str = "") -> None: ...


@contextmanager
def tracked(title: str, unit: str = "") -> Iterator[Report]:
    """Show the progress on stderr.

    Args:
        title: the work.
        unit: what the steps are, to show how many are done per second.
    """
    if not log.isEnabledFor(logging.INFO):  # --quiet
        yield _silent
        return
    console = Console(stderr=True)
    pace = _Pace(unit)
    if not console.is_terminal:
        yield _lines(title, pace, console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, now="", total=None)

        def report(done: int, of: int, now: str = "") -> None:
            if pace.first is None:  # steps of an earlier run say nothing about the speed of this one
                bar.reset(task, completed=done, total=of)
            pace.reached(done)
            bar.update(task, completed=done, total=of, now=now or str(pace))

        yield report


def _silent(done: int, of: int, now: str = "") -> None:
    """Shows nothing."""


class _Pace:
    """The speed since the first report."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._begun = time.monotonic()
        self._steps = 0
        self.first: int | None = None

    def reached(self, done: int) -> None:
        self.first = done if self.first is None else self.first
        self._steps = done - self.first

    @property
    def speed(self) -> float:
        """Steps per second."""
        return self._steps / max(time.monotonic() - self._begun, 1e-9)

    def __str__(self) -> str:
        return f"{self.speed:.0f} {self._unit}/s" if self._unit else ""


def _lines(title: str, pace: _Pace, console: Console) -> Report:
    shown = time.monotonic()

    def report(done: int, of: int, now: str = "") -> None:
        nonlocal shown
        pace.reached(done)
        if time.monotonic() - shown < EVERY or not pace.speed:
            return
        shown = time.monotonic()
        left = timedelta(seconds=round((of - done) / pace.speed))
        parts = [f"{title}: {done} of {of}", f"{left} left", *filter(None, [now or str(pace)])]
        console.print(", ".join(parts), soft_wrap=True, markup=False, highlight=False)

    return report
