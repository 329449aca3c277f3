"""The waits of a loop that does nothing but take batches: for the first one of a process, and between two epochs.

    python -m benchmarks.turn_over               # 640 drawn JPEGs: about a minute on two cores

The kernels and Python's bytecode are on disk already, as they are after the first run on a machine, and the files in
the page cache. "first" is counted from the call of train_loader, with everything imported ("imported") and with nothing
("fresh": as a script that begins with it). "turn_over" is the wait for the first batch of the second and later epochs,
"batch" the median wait for all others.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder

HERE = Path(__file__).parent
BATCH_SIZE, EPOCHS = 64, 6


def waits(folder: Path, imported: bool) -> dict[str, float]:
    """Seconds, in a fresh process."""
    if imported:
        for name in ("dali_mixup._cpu.operators", "dali_mixup._loader.factory"):
            importlib.import_module(name)
    start = time.perf_counter()
    from dali_mixup import CutMix, MixUp, train_loader

    policy = [MixUp(0.8), CutMix(1.0)]
    loader = train_loader(folder, policy=policy, batch_size=BATCH_SIZE, device="cpu", rank=0, world_size=1)
    first, turns, others = 0.0, [], []
    for epoch in range(EPOCHS):
        batches = iter(loader)
        for step in range(len(loader)):
            before = time.perf_counter()
            float(next(batches)[0][0, 0, 0, 0])
            wait = time.perf_counter() - before
            if epoch == step == 0:
                first = time.perf_counter() - start
            elif step == 0:
                turns.append(wait)
            elif epoch:
                others.append(wait)
    loader.close()
    return {"first": first, "turn_over": statistics.median(turns), "batch": statistics.median(others)}


def main(
    images: Annotated[int, typer.Option(help="Number of drawn images.")] = 640,
    repeats: Annotated[int, typer.Option(help="Processes of each kind, at least 5.", min=5)] = 7,
    out: Annotated[Path, typer.Option(help="Report to write.")] = HERE / "results" / "turn_over.json",
) -> None:
    if sys.dont_write_bytecode:
        raise SystemExit(
            "PYTHONDONTWRITEBYTECODE is set, so every process would compile its imports, which a user's does once; "
            "unset it (PYTHONPYCACHEPREFIX=FOLDER keeps the bytecode elsewhere)"
        )
    folder = Path(synthetic_folder(images))
    isolated(waits, folder, False, limit=300)  # compiles what was never compiled here
    found: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for _ in range(repeats):
        for imported in found:
            found[imported].append(isolated(waits, folder, imported, limit=300))
    both = [*found[False], *found[True]]
    report: dict[str, Any] = {
        "environment": environment(str(folder)),
        "batch_size": BATCH_SIZE,
        "first_s": {
            name: spread([run["first"] for run in found[imported]]).rounded(2)
            for name, imported in (("fresh", False), ("imported", True))
        },
        "batch_ms": spread([1000 * run["batch"] for run in both]).rounded(1),
        "turn_over_ms": spread([1000 * run["turn_over"] for run in both]).rounded(1),
        "turn_over_of_batch": ratio([r["turn_over"] for r in both], [r["batch"] for r in both]).rounded(2),
    }
    out.write_text(json.dumps(report, indent=1) + "\n")
    typer.echo(json.dumps({key: report[key] for key in list(report)[1:]}, indent=1))


if __name__ == "__main__":
    typer.run(main)
