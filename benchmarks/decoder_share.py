"""`train_loader` and `val_loader` against DALI's decoder alone, by the size of the batch: how near they are to the
limit of every loader of JPEGs.

    python benchmarks/decoder_share.py --out benchmarks/results/decoder_share.json

Loader and decoder take turns, an epoch each. The loader has checked every file before, as in every epoch but the first,
which is the one that the contest of loaders measures (`dali-mixup bench`). Images per second with the interval of their
medians, and the ratio turn by turn. CPU time of the process is reported too, because other load on the machine disturbs
it less.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from nvidia.dali import Pipeline, fn

from dali_mixup import CutMix, MixUp, Runtime, train_loader, val_loader
from dali_mixup._graph.decode import Backend, whole_image
from dali_mixup._loader.settings import usual_threads
from dali_mixup.bench.contenders.roofline import DecodeOnly
from dali_mixup.bench.environment import environment
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder
from dali_mixup.bench.work import Samples, Work

SIZES = (64, 128, 256)
KINDS = ("train", "val")

Turn = Callable[[], int]
"""Makes one batch, looks at it, and gives the number of its images."""


def decoding(kind: str, samples: Samples, work: Work) -> Turn:
    """Reads and decodes a batch, of windows as `train_loader` cuts them or of whole images, and nothing else."""
    if kind == "train":
        windows = without_end(DecodeOnly().build(samples, work).epoch)
        return lambda: looked_at(next(windows)[0])
    pipe = Pipeline(work.batch_size, work.dali_threads, device_id=None, prefetch_queue_depth=work.prefetch)
    with pipe:
        encoded, _ = fn.readers.file(files=[path for path, _ in samples])
        pipe.set_outputs(whole_image(encoded, Backend(gpu=False)))
    pipe.build()
    return lambda: len(pipe.run()[0])


def loading(kind: str, folder: Path, work: Work) -> Turn:
    common: dict[str, Any] = {
        "batch_size": work.batch_size,
        "image_size": work.image_size,
        "device": "cpu",
        "runtime": Runtime(num_threads=work.dali_threads, prefetch=work.prefetch),
    }
    policy = [MixUp(work.mixup_alpha), CutMix(work.cutmix_alpha)]
    loader = (
        train_loader(folder, policy=policy, num_classes=work.classes, **common)
        if kind == "train"
        else val_loader(folder, **common)
    )
    batches = without_end(lambda: iter(loader))
    return lambda: looked_at(next(batches)[0])


def looked_at(images: torch.Tensor) -> int:
    float(images[:, 0, 0, 0].sum())
    return len(images)


def without_end(epoch: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    while True:
        yield from epoch()


def rates(turn: Turn, images: int) -> tuple[float, float]:
    """Images per second, and per second of CPU time, of so many images, to the end of their last batch."""
    wall, cpu, made = time.perf_counter(), time.process_time(), 0
    while made < images:
        made += turn()
    return made / (time.perf_counter() - wall), made / (time.process_time() - cpu)


def measured(kind: str, folder: Path, work: Work, repeats: int) -> dict[str, Any]:
    samples = [(str(path), 0) for path in sorted(folder.glob("*/*.JPEG"))]
    turns = {"decoder": decoding(kind, samples, work), "loader": loading(kind, folder, work)}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
    for turn in turns.values():
        rates(turn, 2 * len(samples))  # checks every file
    for _ in range(repeats):
        for name, turn in turns.items():
            for _ in range(work.prefetch + 2):
                turn()  # those that are ready, and those that the other one was still at
            found[name].append(rates(turn, len(samples)))
    made: dict[str, Any] = {"kind": kind, "batch_size": work.batch_size}
    for clock, unit in enumerate(("images_a_second", "images_a_cpu_second")):
        series = {name: [pair[clock] for pair in pairs] for name, pairs in found.items()}
        made[unit] = {name: asdict(spread(values)) for name, values in series.items()}
        made[unit]["share"] = asdict(ratio(series["loader"], series["decoder"]))
    return made


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = Path(
        "benchmarks/results/decoder_share.json"
    ),
    images: Annotated[int, typer.Option(help="Images to draw once.")] = 2000,
    cores: int = 2,
    repeats: int = 15,
) -> None:
    folder = synthetic_folder(images)
    rows = [
        measured(kind, folder, Work(size, cores, classes=1000), repeats) for kind in KINDS for size in SIZES
    ]
    found = environment(str(next(folder.glob("*/*.JPEG"))))
    report = {"environment": found, "threads": usual_threads(cores), "rows": rows}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    for row in rows:
        shares = [
            "{median:.2f} ({low:.2f} to {high:.2f})".format(**row[unit]["share"])
            for unit in ("images_a_second", "images_a_cpu_second")
        ]
        typer.echo(f"{row['kind']}, batches of {row['batch_size']}: {shares[0]}; CPU time {shares[1]}")


if __name__ == "__main__":
    typer.run(main)
