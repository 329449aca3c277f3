"""A claim's result as a picture: one panel per metric, one row per arm, means with their intervals."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.claims.runner import Result
from benchmarks.claims.statistics import CONFIDENCE
from dali_mixup._files import replacing


def plot(result: Result, path: Path) -> None:
    """Write a PNG. Seeds are small grey dots, so that a mean of few is recognisable as such."""
    claim, arms = result.claim, list(result.summary)
    figure = Figure(figsize=(2.6 + 2.6 * len(claim.metrics), 1.5 + 0.27 * len(arms)), layout="constrained")
    panels = figure.subplots(1, len(claim.metrics), sharey=True, squeeze=False)[0]
    rows = range(len(arms))
    for panel, (metric, unit) in zip(panels, claim.metrics.items(), strict=True):
        found = [result.summary[arm][metric] for arm in arms]
        for seed in result.seeds:
            panel.plot([seed[arm][metric] for arm in arms], rows, "o", color="0.75", markersize=3)
        panel.errorbar(
            [x.mean for x in found],
            rows,
            xerr=[x.half or 0.0 for x in found],
            fmt="o",
            capsize=3,
            markersize=5,
        )
        panel.set_title(metric, fontsize=10)
        panel.set_xlabel(unit, fontsize=8)
        panel.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(rows, arms, fontsize=8)
    panels[0].invert_yaxis()
    figure.suptitle(
        f"{claim.name}: {claim.source}\nmeans over {len(result.seeds)} seeds and {CONFIDENCE:.0%} intervals",
        fontsize=9,
    )
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=110)
