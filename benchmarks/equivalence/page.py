"""Writes the committed result into docs/accuracy.md, between two lines that mark its place.

python -m benchmarks.equivalence.page            # writes the page
python -m benchmarks.equivalence.page --check    # exit code 1 if the page does not match the result
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import typer

from benchmarks.equivalence.report import Report
from benchmarks.equivalence.tables import comparisons, means
from dali_mixup.bench.markers import up_to_date

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "accuracy.md"
RESULT = ROOT / "benchmarks" / "results" / "equivalence" / "equivalence.json"
BEGIN, END = "<!-- equivalence:begin -->", "<!-- equivalence:end -->"


def section(found: Report) -> str:
    """The Markdown between the markers; every number of it was measured or is a setting of the run."""
    settings, machine = found["settings"], found["environment"]
    seeds, packages = settings["seeds"], machine["packages"]
    counts: dict[str, int] = {}
    for of_metric in found["comparisons"].values():
        for one in of_metric:
            counts[one["verdict"]] = counts.get(one["verdict"], 0) + 1
    accuracies = (
        [run["accuracy"] for run in found["runs"] if run["pipeline"] == name] for name in found["pipelines"]
    )
    spread = [statistics.stdev(each) for each in accuracies]
    summary = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    return "\n".join(
        [
            f"Of {sum(counts.values())} comparisons: {summary}.",
            "",
            f"{seeds} seeds of each pipeline ({settings['first_seed']} to {settings['first_seed'] + seeds - 1}), "
            f"{settings['epochs']} epochs, batches of {settings['batch_size']}, {settings['size']} pixels, peak "
            f"learning rate {settings['lr']:g}, weight decay {settings['weight_decay']:g}; "
            f"{found['seconds'] / 60:.0f} minutes on {machine['cpu']}, {machine['usable_cores']} cores, at "
            f"commit {machine['commit']}, torch {packages['torch']}. Means ± half of their 95% intervals:",
            "",
            means(found),
            "",
            f"The seed alone makes the accuracy vary with a standard deviation of {min(spread):.1f} to "
            f"{max(spread):.1f} points, depending on the pipeline.",
            "",
            comparisons(found),
            "",
            "![Loss curves, accuracies and their differences](../benchmarks/results/equivalence/equivalence.png)",
            "",
            "Read by `val_loader` instead of torchvision, the same networks on the same images differ by "
            f"{found['largest_difference_of_test_loaders']:.2f} points of accuracy at most.",
            *_resumption(found),
        ]
    )


def _resumption(found: Report) -> list[str]:
    run = found["resumed"]
    if run is None:
        return []
    kills = ", ".join(map(str, run["kills"]))
    verdict = "the same bit for bit" if run["identical"] else "not the same"
    return [
        "",
        f"A run of {run['steps']} steps was killed (SIGKILL) after steps {kills}, each time in the middle of an epoch, "
        f"and resumed from its last checkpoint, which made {run['redone']} steps again. Its losses and final weights "
        f"are {verdict} as those of a run that was left alone.",
    ]


def main(check: bool = False) -> None:
    """Write the page's part that shows the result, or with --check compare it."""
    found = json.loads(RESULT.read_text())
    raise typer.Exit(int(not up_to_date(PAGE, BEGIN, END, section(found), check=check)))


if __name__ == "__main__":
    typer.run(main)
