"""The cost of checking every file before it first reaches the decoder, and of reading files instead of mapping them.

    python benchmarks/bad_files.py                                     # 2000 drawn images on the local disk
    python benchmarks/bad_files.py --on nfs=/mnt/imagenet/train        # any other storage, beside it

Two loaders take turns, each in a process of its own: the library's, and one without the gate, which maps files and lets
the decoder parse first. The first epoch, in which every file is checked, and the second, in which none is, are measured
separately. `slow_storage.c` adds latency to a folder if no slow storage is available.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from dali_mixup._epochs.ranks import usable_cores
from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.page_cache import prepare
from dali_mixup.bench.statistics import Spread, ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder

BATCH_SIZE = 64
WARM_UP = 3
LOADERS = ("with the gate", "without")
EPOCHS = ("first epoch", "second epoch")

Measured = tuple[float, float]
"""Images per second, and milliseconds of CPU time per image."""


def run(folder: str, state: str, threads: int, gate: bool) -> list[Measured]:
    """The two epochs of a loader, in a fresh process."""
    from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, train_loader

    if not gate:
        _without_gate()
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
    with train_loader(
        files[:BATCH_SIZE] if shards else [(file, 0) for file in files[:BATCH_SIZE]], **options
    ) as warm:
        next(iter(warm))  # triggers everything that is compiled and loaded once
    loader = train_loader(shards or folder, **options)
    prepare([(file, 0) for file in files], state)
    measured = []
    with loader:
        for _ in EPOCHS:
            batches = iter(loader)
            for _ in range(WARM_UP):
                next(batches)
            cpu, start = time.process_time(), time.perf_counter()
            images = sum(len(images) for images, *_ in batches)
            measured.append(
                (images / (time.perf_counter() - start), 1000 * (time.process_time() - cpu) / images)
            )
    return measured


def _without_gate() -> None:
    from nvidia.dali import fn

    from dali_mixup._graph import pipeline
    from dali_mixup._graph.gate import Gate

    pipeline.file_content = lambda path: fn.io.file.read(path)
    pipeline.parsed_first = lambda encoded: encoded
    Gate.refused = lambda *_, **__: []  # type: ignore[method-assign]


def measured(folder: str, state: str, threads: int, repeats: int) -> dict[str, Any]:
    """Both loaders, `repeats` times in turn."""
    found: dict[str, list[list[Measured]]] = {name: [] for name in LOADERS}
    for repeat in range(repeats):
        for name in LOADERS if repeat % 2 else LOADERS[::-1]:
            found[name].append(isolated(run, folder, state, threads, name == LOADERS[0], limit=600))
    report: dict[str, Any] = {}
    for epoch, label in enumerate(EPOCHS):
        rates, cpu = ({name: [row[epoch][i] for row in found[name]] for name in LOADERS} for i in (0, 1))
        report[label] = {
            name: {
                "images_a_second": _numbers(spread(rates[name]), 0),
                "cpu_ms_an_image": _numbers(spread(cpu[name]), 3),
            }
            for name in LOADERS
        } | {
            "rate_of_without": _numbers(ratio(rates[LOADERS[0]], rates[LOADERS[1]]), 3),
            "cpu_of_without": _numbers(ratio(cpu[LOADERS[0]], cpu[LOADERS[1]]), 3),
        }
    return report


def _numbers(found: Spread, digits: int) -> dict[str, float]:
    return {key: round(getattr(found, key), digits) for key in ("median", "low", "high")}


def main(
    on: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a storage; repeatable.")] = None,
    threads: Annotated[int, typer.Option(help="DALI's threads; 0: the cores.")] = 0,
    repeats: Annotated[int, typer.Option(help="Runs of each loader, at least 5.")] = 7,
    images: Annotated[int, typer.Option(help="Images to draw on the local disk.")] = 2000,
    out: Annotated[Path, typer.Option(help="Report to write.")] = Path(
        "benchmarks/results/cpu/bad_files.json"
    ),
) -> None:
    local = str(synthetic_folder(images))
    storages = [("local files, warm", local, "warm")]
    storages += [
        (f"{name}, cold", folder, "cold") for name, _, folder in (each.partition("=") for each in on or [])
    ]
    report: dict[str, Any] = {
        "environment": environment(local),
        "batch_size": BATCH_SIZE,
        "repeats": repeats,
        "images": images,
        "results": {},
    }
    for name, folder, state in storages:
        report["results"][name] = measured(folder, state, threads or usable_cores(), repeats)
        for epoch in EPOCHS:
            row = report["results"][name][epoch]
            rate, cpu = row["rate_of_without"], row["cpu_of_without"]
            typer.echo(
                f"{name}, {epoch}: {rate['median']:.3f} of the rate without ({rate['low']:.3f} to {rate['high']:.3f}), "
                f"{cpu['median']:.3f} of its CPU time ({cpu['low']:.3f} to {cpu['high']:.3f})"
            )
        out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
