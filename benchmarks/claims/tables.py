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
        cells = (shown(metrics[metric]) if metric in metrics else "" for metric in result.claim.metrics)
        table.add_row(arm, *cells)
    return table


def directions(result: Result) -> Table:
    """One row per direction: the paired difference with its interval, and the verdict."""
    table = Table(title="directions", title_justify="left")
    for column in ("claimed", "difference over the seeds", "p (Holm)", "verdict"):
        table.add_column(column)
    for verdict in result.verdicts:
        p = "" if verdict.p is None else f"{verdict.p:.3g}"
        table.add_row(str(verdict.direction), shown(verdict.difference), p, verdict.outcome)
    return table


def shown(found: Interval) -> str:
    """The mean and half the width of its interval, with a sensible number of digits."""
    digits = 1 if abs(found.mean) >= 10 else 2 if abs(found.mean) >= 1 else 3
    half = "" if found.half is None else f" ± {found.half:.{digits}f}"
    return f"{found.mean:.{digits}f}{half}"
