"""A claim's result as pictures: a panel per metric with a row per arm, and a panel per curve with a line per arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.claims.statistics import CONFIDENCE, Interval, interval
from dali_mixup._files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Panel

FAR = 4  # an arm this many widths of the others' middle half away is drawn at the edge, with its number
ACROSS = 3  # panels side by side, at most

Found = Mapping[str, Any]
"""A claim's JSON, see `results`."""


def plot(claim: Found, folder: Path) -> None:
    """Write NAME.png, and NAME-curves.png for a claim with curves."""
    _save(_means(claim), folder / f"{claim['claim']}.png")
    if claim["curves"]:
        _save(_curves(claim), folder / f"{claim['claim']}-curves.png")


def limits(found: Sequence[Interval], bounded: bool) -> tuple[float, float]:
    """The part of a metric's axis that shows all arms but those far from the others; bounded: within 0 and 100."""
    means = np.array([x.mean for x in found])
    halves = np.array([x.half or 0.0 for x in found])
    low, high = np.quantile(means, [0.25, 0.75])
    reach = FAR * max(high - low, float(np.median(halves)), 1e-9)
    near = (means >= low - reach) & (means <= high + reach)
    left, right = float((means - halves)[near].min()), float((means + halves)[near].max())
    if bounded:
        left, right = max(left, 0.0), min(right, 100.0)
    room = 0.06 * (right - left) or 1.0
    return left - room, right + room


def across(count: int) -> int:
    """Panels in a row: as few rows as possible, of the same length."""
    return -(-count // -(-count // ACROSS))


def _means(claim: Found) -> Figure:
    """Seeds are small grey dots, so that a mean of few is recognisable as such."""
    metrics = claim["metrics"]
    arms = {metric: [arm for arm, means in claim["mean"].items() if metric in means] for metric in metrics}
    height = 1.3 + 0.24 * max(map(len, arms.values()))
    figure, panels = _panels(
        claim, len(metrics), 2.8, height, margin=0.4 + 0.07 * max(map(len, claim["mean"]))
    )
    for place, (panel, (metric, unit)) in enumerate(zip(panels, metrics.items(), strict=True)):
        named, bounded = arms[metric], unit.startswith("%")
        found = [Interval(**claim["mean"][arm][metric]) for arm in named]
        edges = limits(found, bounded)
        for seed in claim["each_seed"]:
            panel.plot(
                [seed[arm][metric] for arm in named], range(len(named)), "o", color="0.75", markersize=3
            )
        for row, x in enumerate(found):
            _mark(panel, row, x, edges, bounded)
        panel.set_xlim(*edges)
        panel.set_ylim(len(named) - 0.5, -0.5)
        panel.set_yticks(range(len(named)), named, fontsize=8)
        panel.set_title(metric, fontsize=10)
        panel.set_xlabel(unit, fontsize=8)
        panel.grid(axis="x", alpha=0.3)
        first = place % across(len(metrics)) == 0
        panel.tick_params(labelleft=first or named != arms[list(metrics)[place - 1]])
    return figure


def _mark(panel: Panel, row: int, x: Interval, edges: tuple[float, float], bounded: bool) -> None:
    """The mean and its whiskers; an arrow and the number at the edge for a mean beyond it."""
    left, right = edges
    if not left <= x.mean <= right:
        edge, arrow = (left, "<") if x.mean < left else (right, ">")
        side = "left" if x.mean < left else "right"
        panel.plot([edge], [row], arrow, color="C0", markersize=6, clip_on=False)
        panel.text(edge, row, f"  {x.mean:.3g}  ", fontsize=8, va="center", ha=side)
        return
    half = x.half or 0.0
    low, high = x.mean - half, x.mean + half
    if bounded:
        low, high = max(low, 0.0), min(high, 100.0)
    panel.errorbar(
        [x.mean], [row], xerr=[[x.mean - low], [high - x.mean]], fmt="o", color="C0", capsize=3, markersize=5
    )


def _curves(claim: Found) -> Figure:
    """A line per arm through the means, with bands of their intervals."""
    curves = claim["curves"]
    figure, panels = _panels(claim, len(curves), 4.4, 4.0, margin=0.6)
    for panel, (name, axes) in zip(panels, curves.items(), strict=True):
        lowest, highest = np.inf, -np.inf
        for place, (arm, curve) in enumerate(axes["arms"].items()):
            points = [interval(values) for values in zip(*curve["each_seed"], strict=True)]
            mean = np.array([point.mean for point in points])
            half = np.array([point.half or 0.0 for point in points])
            color, style = f"C{place % 10}", "-" if place < 10 else "--"
            panel.plot(curve["x"], mean, style, color=color, label=arm, linewidth=1.5)
            panel.fill_between(curve["x"], mean - half, mean + half, color=color, alpha=0.15, linewidth=0)
            lowest, highest = min(lowest, float(mean.min())), max(highest, float(mean.max()))
        if axes["log"] and lowest > 0:
            panel.set_yscale("log")
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_formatter(NullFormatter())
            panel.set_ylim(0.8 * lowest, 1.2 * highest)
        panel.set_title(name, fontsize=10)
        panel.set_xlabel(axes["x"], fontsize=9)
        panel.set_ylabel(axes["y"], fontsize=9)
        panel.grid(alpha=0.3)
    alike = len({tuple(axes["arms"]) for axes in curves.values()}) == 1
    if alike:  # one legend beside the panels, which hides no curve
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    else:
        for panel in panels:
            panel.legend(fontsize=7)
    return figure


def _panels(
    claim: Found, count: int, width: float, height: float, margin: float
) -> tuple[Figure, list[Panel]]:
    """A figure with rows of up to `ACROSS` panels of that size, beside a margin; in inches."""
    wide = across(count)
    down = -(-count // wide)
    figure = Figure(figsize=(max(margin + width * wide, 5.5), 0.5 + height * down), layout="constrained")
    panels = figure.subplots(down, wide, squeeze=False).flatten().tolist()
    for panel in panels[count:]:
        panel.remove()
    seeds = len(claim["each_seed"])
    figure.suptitle(
        f"{claim['claim']}: {claim['source']}\nmeans over {seeds} seeds and {CONFIDENCE:.0%} intervals",
        fontsize=9,
        wrap=True,
    )
    return figure, panels[:count]


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=110)
