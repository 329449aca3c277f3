"""Questions that only a GPU can answer, asked in one run: a JSON file per question, and a line of text.

    python -m benchmarks.gpu_visit --out visit                       # every question, about 20 minutes
    python -m benchmarks.gpu_visit --out visit windows streams       # some of them
    python -m benchmarks.gpu_visit --out visit --device cpu --images 200 --batch-size 8 --threads 2

The last line tries the questions without a GPU: its answers only show that they run. Each question runs in a process of
its own with a time limit, so a crash costs one answer. docs/gpu.md has the predictions.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.gpu_questions import QUESTIONS, Visit


def asked(name: str, visit: Visit, out: Path) -> str:
    """Ask one question in a child process; returns one line about the result."""
    limit, begun = QUESTIONS[name].limit, time.monotonic()
    command = [
        sys.executable,
        "-m",
        "benchmarks.gpu_visit",
        "--child",
        json.dumps(asdict(visit)),
        "--out",
        str(out),
        name,
    ]
    try:
        code: int | str = subprocess.run(command, timeout=limit, check=False).returncode
    except subprocess.TimeoutExpired:
        code = f"none within {limit} s"
    return f"{name}: exit {code}, {time.monotonic() - begun:.0f} s"


def answered(name: str, visit: Visit, out: Path) -> None:
    """Answer one question in this process. The answer so far is saved again and again, for questions that crash
    half-way; an error is an answer too."""

    def save(answer: object) -> None:
        (out / f"{name}.json").write_text(json.dumps(answer, indent=1, default=str) + "\n", encoding="utf-8")

    try:
        save(QUESTIONS[name].ask(visit, save))
    except Exception:
        (out / f"{name}.error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        raise


def main(
    names: Annotated[list[str] | None, typer.Argument(help="questions; all if none is named")] = None,
    out: Annotated[Path, typer.Option(help="folder for the answers")] = Path("visit"),
    device: Annotated[str, typer.Option(help="cuda or cpu")] = "cuda",
    images: Annotated[int, typer.Option(help="drawn photographs to decode")] = 4000,
    batch_size: Annotated[int, typer.Option()] = 256,
    threads: Annotated[int, typer.Option(help="DALI's worker threads")] = 16,
    child: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Ask the questions, one after the other."""
    unknown = sorted(set(names or ()) - set(QUESTIONS))
    if unknown:
        raise typer.BadParameter(f"no questions named {', '.join(unknown)}; expected {', '.join(QUESTIONS)}")
    out.mkdir(parents=True, exist_ok=True)
    if child:
        for name in names or ():
            answered(name, Visit(**json.loads(child)), out)
        return
    visit = Visit(device, images, batch_size, threads)
    lines = [asked(name, visit, out) for name in names or QUESTIONS]
    print("\n".join(lines))
    if any("exit 0" not in line for line in lines):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
