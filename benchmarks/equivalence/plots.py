"""The result as a picture: the pipelines' loss curves, one over the other, and their differences beside the margin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.equivalence.report import Report
from dali_mixup._files import replacing


def plot(found: Report, path: Path) -> None:
    """Write a PNG of three panels: losses by epoch, test accuracy, differences of test accuracy."""
    figure = Figure(figsize=(13, 3.6), layout="constrained")
    curves, accuracies, differences = figure.subplots(1, 3)
    _losses(curves, found)
    _accuracies(accuracies, found)
    _differences(differences, found)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=110)


def _losses(panel: Axes, found: Report) -> None:
    for i, (name, title) in enumerate(found["pipelines"].items()):
        losses = np.array([run["losses"] for run in found["runs"] if run["pipeline"] == name])
        mean, spread = losses.mean(0), losses.std(0, ddof=1)
        epochs = np.arange(1, len(mean) + 1)
        panel.plot(epochs, mean, color=f"C{i}", label=title, linewidth=1.2)
        panel.fill_between(epochs, mean - spread, mean + spread, color=f"C{i}", alpha=0.15, linewidth=0)
    panel.set_title("training loss of mixed images: mean ± deviation", fontsize=9)
    panel.set_xlabel("epoch", fontsize=8)
    panel.set_ylabel("nats", fontsize=8)
    panel.legend(fontsize=7)


def _accuracies(panel: Axes, found: Report) -> None:
    names = list(found["pipelines"])
    for row, name in enumerate(names):
        each = [run["accuracy"] for run in found["runs"] if run["pipeline"] == name]
        panel.plot(each, [row] * len(each), "o", color="0.75", markersize=3)
        of_mean = found["mean"]["test accuracy"][name]
        panel.errorbar(of_mean["mean"], row, xerr=of_mean["half"], fmt="o", color=f"C{row}", capsize=3)
    panel.set_yticks(range(len(names)), names, fontsize=8)
    panel.invert_yaxis()
    panel.set_title("test accuracy: every seed, mean, 95% interval", fontsize=9)
    panel.set_xlabel("%", fontsize=8)
    panel.grid(axis="x", alpha=0.3)


def _differences(panel: Axes, found: Report) -> None:
    comparisons = found["comparisons"]["test accuracy"]
    margin = found["margins"]["test accuracy"]
    panel.axvspan(-margin, margin, color="0.92")
    panel.axvline(0, color="0.6", linewidth=0.8)
    for row, one in enumerate(comparisons):
        error = [[one["difference"] - one["low"]], [one["high"] - one["difference"]]]
        panel.errorbar(one["difference"], row, xerr=error, fmt="o", color="black", capsize=3)
        panel.text(one["difference"], row - 0.15, one["verdict"], fontsize=8, ha="center")
    panel.set_yticks(
        range(len(comparisons)), [f"{one['first']}\n- {one['second']}" for one in comparisons], fontsize=8
    )
    panel.set_ylim(len(comparisons) - 0.5, -0.5)
    level = 1 - 2 * found["alpha"]
    panel.set_title(f"difference, {level:.0%} interval; grey: the margin", fontsize=9)
    panel.set_xlabel("points of test accuracy", fontsize=8)
