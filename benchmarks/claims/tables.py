"""A claim's result as tables for the terminal."""

from __future__ import annotations

from rich.table import Table

from benchmarks.claims.runner import Result
from benchmarks.claims.statistics import Interval


def means(result: Result) -> Table:
    """One row per arm, one column per metric."""
    table = Table(title=f"{result.claim.name}: {result.claim.statement}", title_justify="left")
    table.add_column("arm")
    for metric in result.claim.metrics:
        table.add_column(metric, justify="right")
    for arm, metrics in result.summary.items():
        table.add_row(arm, *(shown(metrics[metric]) for metric in result.claim.metrics))
    return table


def directions(result: Result) -> Table:
    """One row per direction: the paired difference, and whether it was seen."""
    table = Table(title="directions", title_justify="left")
    for column in ("claimed", "difference over the seeds", "seen", "expected at this scale"):
        table.add_column(column)
    for verdict in result.verdicts:
        expected = "yes" if verdict.direction.reproduces else "no"
        table.add_row(
            str(verdict.direction), shown(verdict.difference), "yes" if verdict.seen else "NO", expected
        )
    return table


def shown(found: Interval) -> str:
    """The mean and half the width of its interval, with a sensible number of digits."""
    digits = 1 if abs(found.mean) >= 10 else 2 if abs(found.mean) >= 1 else 3
    half = "" if found.half is None else f" ± {found.half:.{digits}f}"
    return f"{found.mean:.{digits}f}{half}"
