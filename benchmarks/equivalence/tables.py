"""The numbers of a report as text."""

from __future__ import annotations

from typing import Any

from benchmarks.equivalence.report import Report

UNITS = {"test accuracy": "points", "final training loss": "nats", "mean training loss": "nats"}
DIGITS = {"test accuracy": 2, "final training loss": 3, "mean training loss": 3}


def verdicts(found: Report) -> str:
    """A line per comparison, for the console."""
    return "\n".join(
        f"{one['first']} - {one['second']}, {metric}: {_difference(metric, one)} {UNITS[metric]}, margin "
        f"{one['margin']:g}: {one['verdict']}"
        for metric, comparisons in found["comparisons"].items()
        for one in comparisons
    )


def means(found: Report) -> str:
    """Pipelines and their means, as a Markdown table."""
    rows = [
        f"| {title} (`{name}`) | "
        + " | ".join(
            f"{of_metric[name]['mean']:.{DIGITS[metric]}f} ± {of_metric[name]['half']:.{DIGITS[metric]}f}"
            for metric, of_metric in found["mean"].items()
        )
        + " |"
        for name, title in found["pipelines"].items()
    ]
    units = {"points": "%", "nats": "nats"}
    header = " | ".join(f"{metric}, {units[UNITS[metric]]}" for metric in found["mean"])
    return "\n".join([f"| Pipeline | {header} |", "| --- |" + " ---: |" * len(found["mean"]), *rows])


def comparisons(found: Report) -> str:
    """Every comparison of every metric, as a Markdown table."""
    level = f"{1 - 2 * found['alpha']:.0%}"
    rows = [
        f"| `{one['first']}` - `{one['second']}` | {metric} | {_difference(metric, one)} | {one['margin']:g} "
        f"{UNITS[metric]} | {one['p_equivalent']:.2g} | {one['p_different']:.2g} | {one['verdict']} |"
        for metric, of_metric in found["comparisons"].items()
        for one in of_metric
    ]
    return "\n".join(
        [
            f"| Compared | In | Difference ({level} interval) | Margin | p, equivalence | p, difference | Verdict |",
            "| --- | --- | ---: | ---: | ---: | ---: | --- |",
            *rows,
        ]
    )


def _difference(metric: str, one: dict[str, Any]) -> str:
    digits = DIGITS[metric]
    return f"{one['difference']:+.{digits}f} ({one['low']:+.{digits}f} to {one['high']:+.{digits}f})"
