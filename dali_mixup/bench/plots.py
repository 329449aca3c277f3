"""A report's figures as PNG plots."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dali_mixup.bench.statistics import Spread
from dali_mixup.bench.summary import OURS, Report, Row, rows, scaling

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"contender": "#8a94a6", "reference": "#c9b458", "roofline": "#c9b458"}
OURS_COLOUR = "#1f6feb"


def plots(report: Report) -> dict[str, bytes]:
    """{file name without suffix: PNG}; scaling curves only along the values that were varied.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("plots need matplotlib: pip install 'dali-mixup[bench]'") from error
    table = rows(report)
    made = {"throughput": _throughput(table), "waits": _waits(table), "phases": _phases(table)}
    for axis, label in (("threads", "threads or worker processes"), ("batch_size", "batch size")):
        curves = scaling(report, axis)
        if curves:
            made[f"scaling_{axis}"] = _scaling(curves, {row.name: row for row in table}, label)
    return made


def _throughput(table: Sequence[Row]) -> bytes:
    figure, axes = _figure(len(table))
    bars = list(reversed(table))
    errors = [_error(row.rate) for row in bars]
    axes.barh(
        [row.title for row in bars],
        [row.rate.median for row in bars],
        color=[_colour(row) for row in bars],
        xerr=list(zip(*errors, strict=True)),
        capsize=3,
    )
    ceiling = [row.rate.median for row in table if row.role == "roofline"]
    if ceiling:
        axes.axvline(ceiling[0], color="black", linestyle="--", linewidth=1)
    axes.set_xlabel("images per second (median, interval of the median)")
    return _png(figure)


def _waits(table: Sequence[Row]) -> bytes:
    figure, axes = _figure(len(table))
    for row in reversed(table):
        values = [1000 * row.waits[key] for key in ("p50", "p95", "p99", "max")]
        axes.plot(values, [row.title] * len(values), "-", color=_colour(row))
        for value, marker in zip(values, "o|x>", strict=True):
            axes.plot([value], [row.title], marker, color=_colour(row))
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds waited for a batch: o p50   | p95   x p99   > max")
    return _png(figure)


def _phases(table: Sequence[Row]) -> bytes:
    figure, axes = _figure(len(table))
    bars, left = list(reversed(table)), [0.0] * len(table)
    for key, colour in (("build", "#4c78a8"), ("first", "#f58518"), ("turnover", "#54a24b")):
        values = [getattr(row, key) for row in bars]
        label = {"build": "build", "first": "first batch", "turnover": "epoch turn-over"}[key]
        axes.barh([row.title for row in bars], values, left=left, color=colour, label=label)
        left = [a + b for a, b in zip(left, values, strict=True)]
    axes.set_xlabel("seconds")
    axes.legend(frameon=False)
    return _png(figure)


def _scaling(
    curves: Mapping[str, Sequence[tuple[int, Spread]]], table: Mapping[str, Row], label: str
) -> bytes:
    figure, axes = _figure(8)
    for name, curve in curves.items():
        axes.errorbar(
            [value for value, _ in curve],
            [rate.median for _, rate in curve],
            yerr=list(zip(*(_error(rate) for _, rate in curve), strict=True)),
            marker="o",
            capsize=3,
            linestyle="-" if table[name].role == "contender" else "--",
            linewidth=2.5 if name == OURS else 1,
            label=table[name].title,
        )
    axes.set_xlabel(label)
    axes.set_ylabel("images per second")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def _error(rate: Spread) -> tuple[float, float]:
    """Lengths of the error bar; none if the interval is unknown."""
    return (rate.median - rate.low, rate.high - rate.median) if rate.known else (0.0, 0.0)


def _colour(row: Row) -> str:
    return OURS_COLOUR if row.name == OURS else COLOURS[row.role]


def _figure(bars: int) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2 + 0.38 * bars), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=130)
    return memory.getvalue()
