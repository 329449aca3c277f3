"""Writes the tables of mixing costs into docs/methods.md, between the lines `<!-- cost:begin -->` and
`<!-- cost:end -->`,
from the results of benchmarks/mixing_cost.py.

    python benchmarks/methods_table.py            # writes docs/methods.md
    python benchmarks/methods_table.py --check    # exit code 1 if the page does not match the results
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Annotated, Any

import typer

from dali_mixup.bench.markers import up_to_date

HERE = Path(__file__).parent
BEGIN, END = "<!-- cost:begin -->", "<!-- cost:end -->"


def section(report: dict[str, Any]) -> str:
    """The Markdown between the markers; all of it was measured."""
    machine = report["machine"]
    plain = {kernels: _plain(report, kernels) for kernels in ("numba", "dali")}
    return "\n".join(
        [
            f"{report['batch_size']} images of {report['height']} x {report['width']} pixels on {machine['cpu']}, "
            f"{report['threads']} threads, DALI {machine['dali']}, NumPy {machine['numpy']}; medians of "
            f"{report['repeats']} interleaved repeats, quartiles in brackets; load average "
            f"{report['load_average_before']} at the start.",
            "",
            f"**The loaders on the CPU**, with the compiled kernels. The batch only normalised takes "
            f"{plain['numba']:.1f} ms.",
            "",
            kernels_table(report),
            "",
            f"**DALI's operators**, which `fn.mix`, the GPU and loaders without Numba use, on the CPU. The batch only "
            f"normalised takes {plain['dali']:.1f} ms.",
            "",
            operators_table(report),
        ]
    )


def kernels_table(report: dict[str, Any]) -> str:
    """One line per method: the compiled kernels, and planning."""
    lines = [
        "| method | per batch: ms | times plain | per sample: ms | times plain "
        "| planning, per batch / per sample: ms |",
        "|---|---|---|---|---|---|",
    ]
    for name, batch, sample in _pairs(report, "numba"):
        planning = (row["plan_milliseconds"]["median"] for row in (batch, sample))
        cells = [name, *_times(batch), *_times(sample), " / ".join(f"{value:.1f}" for value in planning)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def operators_table(report: dict[str, Any]) -> str:
    """One line per method: DALI's operators, and their passes over the pixels."""
    lines = [
        "| method | uint8 passes | float32 passes | per batch: ms | times plain | per sample: ms | times plain |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, batch, sample in _pairs(report, "dali"):
        passes = [str(batch["uint8_passes"]), str(batch["float32_passes"])]
        lines.append(f"| {' | '.join([name, *passes, *_times(batch), *_times(sample)])} |")
    return "\n".join(lines)


def _pairs(report: dict[str, Any], kernels: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    by = {(row["method"], row["granularity"]): row for row in report["results"] if row["kernels"] == kernels}
    names = dict.fromkeys(name for name, _ in by)
    return [(name, by[name, "batch"], by[name, "sample"]) for name in names]


def _times(row: dict[str, Any]) -> list[str]:
    ratio = row["ratio"]
    return [
        f"{row['milliseconds']['median']:.1f}",
        f"{ratio['median']:.2f} ({ratio['q1']:.2f} to {ratio['q3']:.2f})",
    ]


def _plain(report: dict[str, Any], kernels: str) -> float:
    """The median over all measurements of a batch that is only normalised."""
    rows = [row for row in report["results"] if row["kernels"] == kernels]
    return statistics.median(row["plain_milliseconds"]["median"] for row in rows)


def main(
    report: Annotated[Path, typer.Option(help="The output of benchmarks/mixing_cost.py.")] = HERE
    / "results/mixing_cost_cpu.json",
    page: Path = HERE.parent / "docs/methods.md",
    check: bool = False,
) -> None:
    if not up_to_date(page, BEGIN, END, section(json.loads(report.read_text())), check=check):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
