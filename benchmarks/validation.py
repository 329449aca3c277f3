"""`val_loader` against DALI's decoder alone: whole JPEGs in, and only decoded, or resized, cropped and normalised too.

    python benchmarks/validation.py --out benchmarks/results/validation.json

The two take turns, some batches each; images per second with the interval of their medians, and the ratio repeat by
repeat. CPU time of the process is reported too, because other load on the machine disturbs it less.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from nvidia.dali import Pipeline, fn

from dali_mixup import Runtime, val_loader
from dali_mixup._graph.decode import Backend, whole_image
from dali_mixup.bench.environment import environment
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder

ROWS = 64


def decoder(files: list[str], threads: int) -> Pipeline:
    """Batches of whole images, decoded and nothing else."""
    pipe = Pipeline(batch_size=ROWS, num_threads=threads, device_id=None, prefetch_queue_depth=2)
    with pipe:
        encoded, _ = fn.readers.file(files=files)
        pipe.set_outputs(whole_image(encoded, Backend(gpu=False)))
    pipe.build()
    return pipe


def validated(folder: Path, threads: int) -> Iterator[Any]:
    """The images of one batch after the other, without end; short last batches are left out."""
    loader = val_loader(
        folder, batch_size=ROWS, image_size=224, device="cpu", runtime=Runtime(num_threads=threads)
    )
    while True:
        yield from (images for images, _ in loader if len(images) == ROWS)


def rates(work: Callable[[], Any], batches: int) -> tuple[float, float]:
    """Images per second, and per second of CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(batches):
        work()
    images = ROWS * batches
    return images / (time.perf_counter() - wall), images / (time.process_time() - cpu)


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = Path(
        "benchmarks/results/validation.json"
    ),
    images: Annotated[int, typer.Option(help="Images to draw once.")] = 1000,
    threads: int = 2,
    repeats: int = 15,
    batches: int = 8,
) -> None:
    folder = synthetic_folder(images)
    files = sorted(str(path) for path in folder.glob("*/*.JPEG"))
    pipe, ready = decoder(files, threads), validated(folder, threads)
    works: dict[str, Callable[[], Any]] = {
        "decode only": pipe.run,
        "val_loader": lambda: next(ready)[:, 0, 0, 0].sum().item(),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for work in works.values():
        rates(work, batches)  # fills the queues
    for _ in range(repeats):
        for name, work in works.items():
            found[name].append(rates(work, batches))
    report: dict[str, Any] = {"environment": environment(files[0]), "threads": threads, "batch_size": ROWS}
    for clock, unit in enumerate(("images_a_second", "images_a_cpu_second")):
        series = {name: [pair[clock] for pair in pairs] for name, pairs in found.items()}
        report[unit] = {name: asdict(spread(values)) for name, values in series.items()}
        report[unit]["val_loader to decode only"] = asdict(ratio(series["val_loader"], series["decode only"]))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    typer.echo(json.dumps({unit: report[unit] for unit in report if unit.startswith("images")}, indent=1))


if __name__ == "__main__":
    typer.run(main)
