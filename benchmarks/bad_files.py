"""The cost of checking every file before it first reaches the decoder, and of reading files instead of mapping them.

    python -m benchmarks.bad_files                                     # 2000 drawn images on the local disk
    python -m benchmarks.bad_files --late 5,20,50                      # and as many ms late, read cold
    python -m benchmarks.bad_files --on nfs=/mnt/nfs                   # and any other storage, read cold

Three loaders take turns in one process, an epoch each: one that checks every file of every batch, as the first epoch of
a run does; the library's, which has checked them all; and one without any check, which maps files and lets the decoder
parse first. Rates are compared turn by turn, so whatever changes the speed of the process or the machine cancels.
`--late` needs what `late_storage.py` says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.late_storage import late_storage
from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.page_cache import prepare
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder

BATCH_SIZE = 64
WARM_UP = 3
LATE_IMAGES = 640
CHECKS, REMEMBERS, NEITHER = "checks every file", "has checked every file", "never checks"
LOADERS = (CHECKS, REMEMBERS, NEITHER)

Measured = tuple[float, float]
"""Images per second, and milliseconds of CPU time per image."""


def run(folder: str, state: str, threads: int | None, repeats: int) -> dict[str, list[Measured]]:
    """The epochs of the three loaders, in a fresh process."""
    from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, train_loader

    shards = sorted(map(str, Path(folder).glob("*.tar")))
    files = shards or sorted(map(str, Path(folder).glob("*/*")))
    options: dict[str, Any] = {
        "policy": MixPolicy([MixUp(0.8), CutMix(1.0)]),
        "batch_size": BATCH_SIZE,
        "device": "cpu",
        "rank": 0,
        "world_size": 1,
        "runtime": Runtime(num_threads=threads),
    }

    def epoch(loader: Any) -> Measured:
        batches = iter(loader)
        for _ in range(WARM_UP):
            next(batches)
        cpu, start = time.process_time(), time.perf_counter()
        images = sum(len(images) for images, *_ in batches)
        seconds = time.perf_counter() - start
        return images / seconds, 1000 * (time.process_time() - cpu) / images

    made = {CHECKS: _forgetful, REMEMBERS: lambda loader: None, NEITHER: _open_gate}
    loaders = {}
    for name, change in made.items():
        loaders[name] = train_loader(shards or folder, **options)
        _with_graph(name, change, loaders[name], epoch)
    found: dict[str, list[Measured]] = {name: [] for name in LOADERS}
    for repeat in range(repeats):
        turn = repeat % len(LOADERS)
        for name in (*LOADERS[turn:], *LOADERS[:turn])[:: 1 if repeat % 2 else -1]:
            prepare([(file, 0) for file in files], state)
            found[name].append(epoch(loaders[name]))
    for loader in loaders.values():
        loader.close()
    return found


def _with_graph(
    name: str, change: Callable[[Any], None], loader: Any, epoch: Callable[[Any], Measured]
) -> None:
    """Change the loader, and run an epoch that is not measured, which builds its pipeline."""
    from nvidia.dali import fn

    from dali_mixup._graph import pipeline

    change(loader)
    usual = pipeline.file_content, pipeline.parsed_first
    if name == NEITHER:
        pipeline.file_content, pipeline.parsed_first = fn.io.file.read, lambda encoded: encoded
    epoch(loader)
    pipeline.file_content, pipeline.parsed_first = usual


def _forgetful(loader: Any) -> None:
    refused = loader.spec.gate.refused
    loader.spec.gate.refused = lambda source, indices: refused(source, indices, anew=True)


def _open_gate(loader: Any) -> None:
    loader.spec.gate.refused = lambda source, indices: []


def report_of(found: dict[str, list[Measured]]) -> dict[str, Any]:
    """Medians with their intervals, and the ratios to the loader that never checks, turn by turn."""
    rates, cpu = ({name: [row[i] for row in found[name]] for name in LOADERS} for i in (0, 1))
    report: dict[str, Any] = {
        name: {
            "images_a_second": spread(rates[name]).rounded(0),
            "cpu_ms_an_image": spread(cpu[name]).rounded(3),
        }
        for name in LOADERS
    }
    for name, other in ((CHECKS, NEITHER), (REMEMBERS, NEITHER), (CHECKS, REMEMBERS)):
        report[f"{name} / {other}"] = {
            "rate": ratio(rates[name], rates[other]).rounded(3),
            "cpu": ratio(cpu[name], cpu[other]).rounded(3),
            "rates": [round(a / b, 4) for a, b in zip(rates[name], rates[other], strict=True)],
        }
    return report


def main(
    on: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a storage; repeatable.")] = None,
    late: Annotated[str, typer.Option(help="Delays of storage in ms, such as 5,20,50.")] = "",
    threads: Annotated[int, typer.Option(help="DALI's threads; 0: the loader's default.")] = 0,
    repeats: Annotated[int, typer.Option(help="Epochs of each loader, at least 5.")] = 60,
    cold_repeats: Annotated[int, typer.Option(help="Epochs of each loader on cold storage, at least 5.")] = 7,
    images: Annotated[int, typer.Option(help="Images to draw on the local disk.")] = 2000,
    out: Annotated[Path, typer.Option(help="Report to write.")] = Path(
        "benchmarks/results/cpu/bad_files.json"
    ),
) -> None:
    local = str(synthetic_folder(images))
    report: dict[str, Any] = {
        "environment": environment(local),
        "batch_size": BATCH_SIZE,
        "repeats": repeats,
        "cold_repeats": cold_repeats,
        "images": images,
        "results": {},
    }

    def measure(name: str, folder: str, state: str, times: int) -> None:
        found = isolated(run, folder, state, threads or None, times, limit=3600)
        report["results"][name] = report_of(found)
        for pair, numbers in report["results"][name].items():
            if "rate" in numbers:
                rate, cpu = numbers["rate"], numbers["cpu"]
                typer.echo(
                    f"{name}, {pair}: {rate['median']:.3f} of its rate ({rate['low']:.3f} to {rate['high']:.3f}), "
                    f"{cpu['median']:.3f} of its CPU time ({cpu['low']:.3f} to {cpu['high']:.3f})"
                )
        out.write_text(json.dumps(report, indent=1) + "\n")

    measure("local files, warm", local, "warm", repeats)
    for name, _, folder in (each.partition("=") for each in on or []):
        measure(f"{name}, cold", folder, "cold", cold_repeats)
    for delay in filter(None, late.split(",")):
        with late_storage(synthetic_folder(LATE_IMAGES), float(delay)) as folder:
            measure(f"files {delay} ms late, cold", folder, "cold", cold_repeats)


if __name__ == "__main__":
    typer.run(main)
