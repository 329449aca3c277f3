"""Writes the results of benchmarks/results into the README, between the lines `<!-- benchmark:begin -->` and
`<!-- benchmark:end -->`, and the plot beside them.

    python benchmarks/readme_table.py            # writes README.md
    python benchmarks/readme_table.py --check    # exit code 1 if README.md does not match the results
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dali_mixup.bench import tables
from dali_mixup.bench.described import in_a_sentence
from dali_mixup.bench.markers import replaced
from dali_mixup.bench.plots import plots
from dali_mixup.bench.summary import Report

HERE = Path(__file__).parent
BEGIN, END = "<!-- benchmark:begin -->", "<!-- benchmark:end -->"


def section(report: Report, scale: dict[str, Any] | None, plot: str) -> str:
    """The Markdown between the markers; all of it was measured."""
    lines = [
        in_a_sentence(report),
        "",
        tables.markdown(tables.throughput(report)),
        "",
        f"![Images per second of every loader]({plot})",
        "",
        *(f"Not measured: {title} ({reason})." for title, reason in tables.absent(report)[1]),
    ]
    if scale is not None:
        lines += ["", *_scale(scale)]
    if report["environment"]["gpu"] is None:
        lines += ["", "Not run on a GPU. One command does: `benchmarks/run.sh gpu`."]
    return "\n".join(lines)


def _scale(scale: dict[str, Any]) -> list[str]:
    million, planning, targets = scale["million"], scale["planning"], scale["targets"]
    short = scale["short"]
    return [
        f"{million['files']:,} files: {million['first_batch_s']:.1f} s from the manifest to the first batch, "
        f"{million['list_bytes'] / 1e6:.0f} MB for the list and {million['order_bytes'] / 1e6:.0f} MB for the order, "
        f"{1000 * million['order_s']:.0f} ms to shuffle an epoch; a batch of {scale['batch_size']} takes "
        f"{1000 * million['batch_s']:.0f} ms ({1000 * short['batch_s']:.0f} ms with {short['files']:,} files). "
        f"Planning 256 rows sample by sample takes {planning['sample']['plan_us']:.0f} microseconds. Targets of "
        f"{targets['classes']:,} classes take {targets['dense_us'] / 1000:.1f} ms per batch dense "
        f"({targets['dense_share_of_batch']:.1%} of its time) and {targets['compact_us']:.0f} microseconds compact.",
    ]


def main(
    report: Annotated[Path, typer.Option(help="report.json of the run to show.")] = HERE
    / "results/cpu/report.json",
    scale: Annotated[Path, typer.Option(help="The output of benchmarks/scale.py.")] = HERE
    / "results/scale.json",
    readme: Path = HERE.parent / "README.md",
    check: bool = False,
) -> None:
    found = json.loads(report.read_text())
    plot = report.parent / "throughput.svg"
    text = readme.read_text()
    shown = plot.relative_to(readme.parent).as_posix()
    new = replaced(
        text, BEGIN, END, section(found, json.loads(scale.read_text()) if scale.exists() else None, shown)
    )
    if check:
        raise typer.Exit(int(new != text or not plot.exists()))
    plot.write_text(plots(found)["throughput"])
    readme.write_text(new)


if __name__ == "__main__":
    typer.run(main)
