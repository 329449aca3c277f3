"""Writes the contest on packed images into docs/benchmarking.md, between its markers.

python benchmarks/packed_table.py            # writes docs/benchmarking.md
python benchmarks/packed_table.py --check    # exit code 1 if docs/benchmarking.md does not match the results
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dali_mixup.bench import tables
from dali_mixup.bench.described import in_a_sentence
from dali_mixup.bench.markers import up_to_date
from dali_mixup.bench.summary import Report

HERE = Path(__file__).parent
BEGIN, END = "<!-- packed:begin -->", "<!-- packed:end -->"


def section(report: Report) -> str:
    """The Markdown between the markers; all of it was measured."""
    return "\n\n".join((in_a_sentence(report), tables.markdown(tables.throughput(report))))


def main(
    report: Annotated[Path, typer.Option(help="report.json of the run to show.")] = HERE
    / "results/cpu-packed/report.json",
    page: Path = HERE.parent / "docs/benchmarking.md",
    check: bool = False,
) -> None:
    if not up_to_date(page, BEGIN, END, section(json.loads(report.read_text())), check=check):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
