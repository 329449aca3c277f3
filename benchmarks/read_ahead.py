"""The gain of `read_ahead` on high-latency storage, and its cost if the files are in memory.

    python -m benchmarks.read_ahead                                    # 2000 drawn images on the local disk
    python -m benchmarks.read_ahead --on nfs=/mnt/imagenet/train       # any other storage, beside it

Every folder given with --on NAME=FOLDER holds class folders of images, or tar shards. On each, loaders with different
threads and `read_ahead` take turns, each in a process of its own, with the page cache cold (the kernel was asked to
drop the files) and warm. `slow_storage.c` adds latency to a folder if no slow storage is available; the published
numbers used it as follows:

    ./slow_storage FOLDER 5 MOUNTED &
    python -m benchmarks.read_ahead --on "late files=MOUNTED/files" --on "late shards=MOUNTED/shards"
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.timed import timed
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.page_cache import prepare
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder
from dali_mixup.sources import read_ahead

BATCH_SIZE = 64
WARM_UP, BATCHES = 3, 10
LATE = ("cold",)  # warm files are the same everywhere; they are measured on the local disk


def loaders(threads: int) -> dict[str, dict[str, int]]:
    """The loaders to compare. More DALI threads are the obvious alternative."""
    return {
        "without": {"num_threads": threads},
        "8 times the threads": {"num_threads": 8 * threads},
        "read_ahead=1": {"num_threads": threads, "read_ahead": 1},
        "read_ahead=4": {"num_threads": threads, "read_ahead": 4},
    }


def run(folder: str, state: str, arguments: dict[str, int]) -> tuple[float, float, float]:
    """Images per second, milliseconds of CPU time per image, and MB that came from storage; in a fresh process."""
    from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, train_loader

    shards = sorted(map(str, Path(folder).glob("*.tar")))
    files = shards or sorted(map(str, Path(folder).glob("*/*")))
    policy = MixPolicy([MixUp(0.8), CutMix(1.0)])
    loader = train_loader(
        shards or folder,
        policy=policy,
        batch_size=BATCH_SIZE,
        device="cpu",
        rank=0,
        world_size=1,
        runtime=Runtime(**arguments),
    )
    if len(loader) < WARM_UP + BATCHES + 8:  # nothing may be repeated, or it would come from memory
        raise ValueError(f"{folder} has {len(loader.dataset)} images, too few for {BATCHES} batches")
    prepare([(file, 0) for file in files], state)
    read = _from_storage()
    rate, cpu = timed(loader, WARM_UP, BATCHES, BATCH_SIZE)
    return rate, cpu, (_from_storage() - read) / 1e6


def measured(folder: str, state: str, threads: int, repeats: int) -> dict[str, Any]:
    """Every loader, `repeats` times in turn."""
    compared = loaders(threads)
    order = list(compared)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in compared}
    for repeat in range(repeats):
        first = repeat % len(order)
        for name in order[first:] + order[:first]:
            found[name].append(isolated(run, folder, state, compared[name], limit=600))
    rates = {name: [rate for rate, _, _ in rows] for name, rows in found.items()}
    return {
        name: {
            **compared[name],
            "images_a_second": spread(rates[name]).rounded(0),
            "times_without": ratio(rates[name], rates["without"]).rounded(2),
            "cpu_ms_an_image": spread([cpu for _, cpu, _ in rows]).rounded(2),
            "read_mb": round(spread([mb for _, _, mb in rows]).median, 1),
            "runs": [round(rate, 1) for rate in rates[name]],
        }
        for name, rows in found.items()
    }


def asking(folder: str) -> float:
    """Microseconds of CPU time to request a file that is in memory, over all threads; in a fresh process."""
    files = [(os.fsencode(path), 0, None) for path in sorted(Path(folder).glob("*/*"))]
    prepare([(os.fsdecode(path), 0) for path, _, _ in files], "warm")
    done: list[None] = []
    real, read_ahead.will_need = read_ahead.will_need, lambda place: done.append(real(place))
    ahead = read_ahead.ReadAhead(1)
    start = time.process_time()
    for number in range(len(files) // BATCH_SIZE):
        ahead.reached(number, lambda n: files[n * BATCH_SIZE : (n + 1) * BATCH_SIZE])
        while len(done) < (number + 1) * BATCH_SIZE:
            time.sleep(0.01)
    seconds = time.process_time() - start
    ahead.close()
    return 1e6 * seconds / len(done)


def _from_storage() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))


def main(
    on: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a storage; repeatable.")] = None,
    threads: Annotated[int, typer.Option(help="DALI's threads; 0: the cores.")] = 0,
    repeats: Annotated[int, typer.Option(help="Runs of each loader, at least 5.")] = 5,
    out: Annotated[Path, typer.Option(help="Report to write.")] = Path("benchmarks/results/read_ahead.json"),
) -> None:
    local = str(synthetic_folder(2000))
    storages = [("local files", local, ("cold", "warm"))]
    storages += [(name, folder, LATE) for name, _, folder in (each.partition("=") for each in on or [])]
    threads = threads or usable_cores()
    report: dict[str, Any] = {
        "environment": environment(local),
        "batch_size": BATCH_SIZE,
        "batches": BATCHES,
        "repeats": repeats,
        "asking_us_a_file": spread([isolated(asking, local, limit=600) for _ in range(repeats)]).rounded(1),
        "results": {},
    }
    typer.echo(
        f"CPU time of asking for a file in memory: {report['asking_us_a_file']['median']} microseconds"
    )
    for name, folder, states in storages:
        for state in states:
            report["results"][f"{name}, {state}"] = found = measured(folder, state, threads, repeats)
            for loader, row in found.items():
                rate, times = row["images_a_second"], row["times_without"]
                typer.echo(
                    f"{name}, {state}, {loader}: {rate['median']:.0f} images/s ({rate['low']:.0f} to "
                    f"{rate['high']:.0f}), {times['median']:.2f} times ({times['low']:.2f} to {times['high']:.2f}), "
                    f"{row['cpu_ms_an_image']['median']:.2f} ms CPU per image, {row['read_mb']:.0f} MB read"
                )
            out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
