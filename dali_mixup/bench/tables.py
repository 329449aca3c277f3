"""A report's figures as rows of text, for Markdown, HTML and the terminal alike."""

from __future__ import annotations

from typing import Any

from dali_mixup.bench.statistics import Spread
from dali_mixup.bench.summary import Report, Row, rows, training

Table = tuple[list[str], list[list[str]]]
"""Headings, and rows of cells."""


def throughput(report: Report) -> Table:
    """Rates, ranks and ratios at the main point."""
    head = ["", "images/s", "interval", "rank", "ours / it", "interval"]
    body = [
        [
            row.title,
            f"{row.rate.median:.0f}",
            _interval(row.rate, ".0f"),
            _rank(row),
            "" if row.against is None else f"{row.against.median:.2f}",
            "" if row.against is None else _interval(row.against, ".2f"),
        ]
        for row in rows(report)
    ]
    return head, body


def waiting(report: Report) -> Table:
    """Waits for a batch, n of them, and the phases around the steady state. A percentile that n waits do not show is
    left out."""
    table = rows(report)
    shown = [key for key in ("p50", "p95", "p99", "max") if any(key in row.known_waits for row in table)]
    phases = ["build s", "first batch s", "warm-up s", "turn-over ms"]
    head = ["", "n", *(f"{key} ms" for key in shown), *phases]
    body = [
        [
            row.title,
            str(row.waited),
            *(f"{1000 * row.known_waits[key]:.1f}" if key in row.known_waits else "" for key in shown),
            f"{row.build:.2f}",
            f"{row.first:.2f}",
            f"{row.warmup:.2f}",
            f"{1000 * row.turnover:.0f}",
        ]
        for row in table
    ]
    return head, body


def resources(report: Report) -> Table:
    """The resources that a contender uses."""
    head = ["", "CPU s / 1000 images", "host MB", "device MB", "read MB", "processes", "threads"]
    body = [
        [
            row.title,
            f"{row.cpu:.2f}",
            f"{row.host / 1e6:.0f}",
            f"{row.on_device / 1e6:.0f}",
            "unknown" if row.read < 0 else f"{row.read / 1e6:.0f}",
            str(row.processes),
            str(row.os_threads),
        ]
        for row in rows(report)
    ]
    return head, body


def trained(report: Report) -> Table:
    """Training against replayed and made-up batches."""
    head = ["", "training ms/step", "replay ms/step", "synthetic ms/step", "stall", "utilisation"]
    body = [
        [
            row.title,
            *(f"{1000 * seconds:.1f}" for seconds in (row.training, row.replay, row.synthetic)),
            f"{row.stall:.0%}",
            f"{row.utilisation:.0%}",
        ]
        for row in training(report)
    ]
    return head, body


def absent(report: Report) -> Table:
    """Contenders that were not measured, and the reasons."""
    left_out = [entry for entry in report["contenders"] if entry["absent"]]
    return ["", "not measured"], [[e["title"], e["absent"].splitlines()[0]] for e in left_out]


def equal_work(report: Report) -> Table:
    """The evidence that the measured contenders do equal work."""
    head = [
        "",
        "mean difference from Pillow, levels",
        "crop area p",
        "crop shape p",
        "flip p",
        "targets and pixels disagree by at most, levels",
    ]
    titles = {entry["name"]: entry["title"] for entry in report["contenders"] if not entry["absent"]}
    body = [
        [
            titles[name],
            f"{facts['pixels']:.2f}",
            *(f"{facts[key]:.3f}" for key in ("area_p", "ratio_p", "flips_p")),
            "" if facts["colour"] is None else f"{facts['colour']:.1f}",
        ]
        for name, facts in report["equal_work"].items()
        if facts and name in titles
    ]
    return head, body


def facts(found: dict[str, Any]) -> Table:
    """A report's block of facts, such as its environment, by name."""
    return ["", ""], [[name.replace("_", " "), _worded(name, value)] for name, value in found.items()]


def markdown(table: Table) -> str:
    head, body = table
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _interval(value: Spread, form: str) -> str:
    return f"{value.low:{form}} to {value.high:{form}}" if value.known else "too few repeats"


def _rank(row: Row) -> str:
    if row.rank is None:
        return ""
    best, worst = row.rank
    return str(best) if best == worst else f"{best} to {worst}, not ranked: intervals overlap"


def _worded(name: str, value: Any) -> str:
    if value is None:
        return "none"
    if name == "memory_bytes":
        return f"{value / 1e9:.1f} GB"
    if name == "most_frequent_sizes":
        return ", ".join(f"{width}x{height} {share:.0%}" for width, height, share in value)
    if name == "kinds":
        return ", ".join(f"{kind} {share:.0%}" for kind, share in value.items())
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return f"{value:.6g}" if isinstance(value, float) else str(value)
