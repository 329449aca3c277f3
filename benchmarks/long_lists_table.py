"""Writes the results of benchmarks/long_lists.py into docs/scale.md, between its markers.

python benchmarks/long_lists_table.py            # writes docs/scale.md
python benchmarks/long_lists_table.py --check    # exit code 1 if docs/scale.md does not match the results
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dali_mixup.bench.markers import up_to_date

HERE = Path(__file__).parent
BEGIN, END = "<!-- benchmark:begin -->", "<!-- benchmark:end -->"


def section(found: dict[str, Any]) -> str:
    """The Markdown between the markers; all of it was measured."""
    machine = found["environment"]
    lines = [
        "| Files | List | Opened | Again | First batch | Again | Peak, own | Again | Shuffle |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, case in found.items():
        if name in ("environment", "batch_size"):
            continue
        first, again = case["first"], case["again"]
        lines.append(
            f"| {first['files']:,} | {name[name.index('.') :]}, {size(case['list_bytes'])} "
            f"| {first['open_s']:.2f} s | {again['open_s']:.2f} s "
            f"| {first['first_batch_s']:.1f} s | {again['first_batch_s']:.1f} s "
            f"| {memory(first)} | {memory(again)} | {first['shuffle_s']:.2f} s |"
        )
    return "\n".join(
        [
            f"Measured on {machine['cpu']}, {machine['usable_cores']} cores, {machine['file_system']}, the lists in "
            f"the page cache; Python {machine['python']}, commit {machine['commit']}.",
            "",
            *lines,
        ]
    )


def memory(run: dict[str, Any]) -> str:
    return f"{size(run['peak_bytes'])}, {size(run['anonymous_bytes'])}"


def size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def main(
    report: Annotated[Path, typer.Option(help="The output of benchmarks/long_lists.py.")] = HERE
    / "results/long_lists.json",
    page: Path = HERE.parent / "docs/scale.md",
    check: bool = False,
) -> None:
    if not up_to_date(page, BEGIN, END, section(json.loads(report.read_text())), check=check):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
