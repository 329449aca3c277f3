"""A report's figures as SVG plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dali_mixup._packages import require
from dali_mixup.bench.described import workers_axis
from dali_mixup.bench.settings import PACKAGES
from dali_mixup.bench.statistics import Spread
from dali_mixup.bench.summary import OURS, Report, Row, rows, scaling
from dali_mixup.bench.svg import TEXT, as_svg, figure
from dali_mixup.bench.theme import CURVES, GROUPS, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PHASES = {
    "build": ("building", "#2f81f7"),
    "first": ("first batch", "#c08a2d"),
    "turnover": ("turn of the epoch", "#4f9e6b"),
}
MARKS = {
    "p50": ("o", "half of the waits (p50)"),
    "p95": ("D", "p95"),
    "p99": ("s", "p99"),
    "max": (">", "longest"),
}


def plots(report: Report) -> dict[str, str]:
    """{file name without suffix: SVG}; scaling curves only along the values that were varied.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    require("plots", PACKAGES, "matplotlib")
    table = rows(report)
    made = {"throughput": _throughput(table), "waits": _waits(table), "phases": _phases(table)}
    for axis, label in (
        ("threads", workers_axis(report)),
        ("batch_size", "batch size"),
    ):
        curves = scaling(report, axis)
        if curves:
            made[f"scaling_{axis}"] = _scaling(curves, {row.name: row for row in table}, label)
    return made


def _throughput(table: Sequence[Row]) -> str:
    made, axes = _named_rows([f"{row.title}: {row.rate.median:.0f}" for row in table])
    for place, row in enumerate(table):
        low, high = _error(row.rate)
        axes.barh(place, row.rate.median, height=0.34, color=GROUPS[_group(row)][0])
        if row.rate.known:
            axes.errorbar(row.rate.median, place, xerr=[[low], [high]], color=INK, capsize=3, linewidth=1.2)
    ceiling = [row.rate.median for row in table if row.role == "roofline"]
    if ceiling:
        axes.axvline(ceiling[0], color=INK, linestyle="--", linewidth=1)
    axes.set_xlim(left=0)
    _label(axes, "images per second; lines: interval of the median")
    groups = [group for group in GROUPS if group in {_group(row) for row in table}]
    _legend(made, [_patch(*GROUPS[group]) for group in groups])
    return as_svg(made, "Images per second of every loader")


def _waits(table: Sequence[Row]) -> str:
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    made, axes = _named_rows([f"{row.title}, n = {row.waited}" for row in table])
    shown = [key for key in MARKS if any(key in row.known_waits for row in table)]
    for place, row in enumerate(table):
        found = {key: 1000 * seconds for key, seconds in row.known_waits.items()}
        colour = GROUPS[_group(row)][0]
        axes.plot(list(found.values()), [place] * len(found), "-", color=colour)
        for key, value in found.items():
            axes.plot([value], [place], MARKS[key][0], color=colour, markersize=5)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    _label(axes, "milliseconds waited for a batch")
    marks = [
        Line2D([], [], marker=MARKS[key][0], color=INK, linestyle="", markersize=5, label=MARKS[key][1])
        for key in shown
    ]
    _legend(made, marks)
    return as_svg(made, "How long the loop waits for a batch")


def _phases(table: Sequence[Row]) -> str:
    made, axes = _named_rows([row.title for row in table])
    left = [0.0] * len(table)
    for key, (_, colour) in PHASES.items():
        values = [getattr(row, key) for row in table]
        axes.barh(range(len(table)), values, left=left, height=0.34, color=colour)
        left = [a + b for a, b in zip(left, values, strict=True)]
    _label(axes, "seconds")
    _legend(made, [_patch(colour, label) for label, colour in PHASES.values()])
    return as_svg(made, "Building, first batch and turn of the epoch")


def _scaling(curves: Mapping[str, Sequence[tuple[int, Spread]]], table: Mapping[str, Row], label: str) -> str:
    made, axes = figure(3.4 + 0.22 * len(curves))
    values = sorted({value for curve in curves.values() for value, _ in curve})
    apart = 0.03 * min((b - a for a, b in pairwise(values)), default=1)
    colours = _colours(list(curves))
    for place, (name, curve) in enumerate(curves.items()):
        aside = apart * (place - (len(curves) - 1) / 2)  # bars of the same value stand beside each other
        axes.errorbar(
            [value + aside for value, _ in curve],
            [rate.median for _, rate in curve],
            yerr=list(zip(*(_error(rate) for _, rate in curve), strict=True)),
            color=colours[name],
            marker="o",
            markersize=4,
            capsize=3,
            linestyle="-" if table[name].role == "contender" else "--",
            linewidth=2.5 if name == OURS else 1.2,
            label=table[name].title,
        )
    axes.set_xticks(values, [str(value) for value in values])
    _label(axes, label)
    axes.set_ylabel("images per second", color=INK, fontsize=TEXT)
    axes.set_ylim(bottom=0)
    _legend(made, axes.get_legend_handles_labels()[0], columns=1)
    return as_svg(made, f"Images per second against the {label.partition(';')[0]}")


def _named_rows(names: Sequence[str]) -> tuple[Figure, Axes]:
    """A figure with one row per name, which stands above its row: beside it, it would take half a narrow screen."""
    made, axes = figure(1.4 + 0.46 * len(names))
    axes.set_ylim(len(names) - 0.5, -0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    for place, name in enumerate(names):
        axes.text(
            0, place - 0.25, name, color=INK, fontsize=TEXT, transform=axes.get_yaxis_transform(), va="bottom"
        )
    return made, axes


def _label(axes: Axes, text: str) -> None:
    axes.set_xlabel(text, color=INK, fontsize=TEXT)


def _legend(made: Figure, handles: Sequence[Any], columns: int = 2) -> None:
    made.legend(
        handles=handles,
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=TEXT,
        labelcolor=INK,
    )


def _patch(colour: str, label: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour, label=label)


def _error(rate: Spread) -> tuple[float, float]:
    """Lengths of the error bar; none if the interval is unknown."""
    return (rate.median - rate.low, rate.high - rate.median) if rate.known else (0.0, 0.0)


def _group(row: Row) -> str:
    return "ours" if row.name == OURS else row.role


def _colours(names: Sequence[str]) -> dict[str, str]:
    others = [name for name in names if name != OURS]
    return {OURS: CURVES[0]} | {name: CURVES[1 + i % (len(CURVES) - 1)] for i, name in enumerate(others)}
