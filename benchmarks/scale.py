"""The cost of a million files and of tens of thousands of classes.

    python benchmarks/scale.py --out benchmarks/results/scale.json

Writes a manifest of 1,281,167 lines whose paths are links to the few images of `--images`, opens it in a fresh process
and measures the time to the first batch, the host memory of list and order, the wait at the end of an epoch, the
time of a batch against a short list, the planning of a batch, and the targets of 21,841 classes in both forms.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer

from dali_mixup._epochs.state import signed
from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.synthetic import synthetic_folder

FILES = 1_281_167
CLASSES = 1000
MANY_CLASSES = 21_841
ROWS = 256


def write_list(target: Path, images: list[str], files: int, folders: int = CLASSES) -> None:
    """A manifest of `files` paths of ImageNet's length. Folders of links represent the classes, so that all paths
    differ and each opens one of the images."""
    root = target.parent / "train"
    for label in range(folders):
        folder = root / f"n{label:08d}"
        if not folder.exists():
            folder.parent.mkdir(exist_ok=True)
            folder.symlink_to(Path(images[label % len(images)]).parent, target_is_directory=True)
    names = [sorted(os.listdir(root / f"n{label:08d}")) for label in range(folders)]
    with target.open("w") as out:
        classes = [f"n{label:08d}" for label in range(folders)]
        out.write(json.dumps({"dali_mixup_manifest": 1, "root": "train", "classes": classes}) + "\n")
        for i in range(files):
            label = i * folders // files
            there = names[label]
            # "./" repeated keeps paths of one image apart without a file of its own for each.
            path = f"n{label:08d}/" + "./" * (i // len(there) % 4) + there[i % len(there)]
            row = {"path": path, "class": classes[label], "label": label, "width": 500, "height": 375}
            out.write(json.dumps(row | {"bytes": 110_000}) + "\n")


def as_parquet(manifest: str) -> None:
    """Write the same manifest as Parquet, beside the first."""
    from dali_mixup.sources.listed.manifest import read_manifest, write_manifest

    write_manifest(Path(manifest).with_suffix(".parquet"), read_manifest(manifest))


def million(manifest: str, batch_size: int, batches: int) -> dict[str, Any]:
    """From the manifest to batches, across the end of an epoch; call it in a fresh process."""
    from dali_mixup import CutMix, MixPolicy, MixUp, train_loader
    from dali_mixup._epochs.layout import order
    from dali_mixup.sources import open_source

    process = psutil.Process()
    before = process.memory_info().rss
    cpu_before, start = time.process_time(), time.perf_counter()
    source = open_source(manifest)
    opened = time.perf_counter()
    cpu = time.process_time() - cpu_before
    listed = process.memory_info().rss - before
    peak_of_reading = _peak_rss() - before
    policy = MixPolicy([MixUp(0.8), CutMix(1.0)])
    loader = train_loader(source, policy=policy, batch_size=batch_size, device="cpu", rank=0, world_size=1)
    iterator = iter(loader)
    next(iterator)
    first = time.perf_counter()
    waits = _waits(iterator, batches)
    del iterator
    permutation = [_timed(partial(order, 0, epoch, len(source))) for epoch in range(5)]
    turnover, usual = _across(loader, batches)
    loader.close()
    return {
        "files": len(source),
        "open_s": opened - start,
        "open_cpu_s": cpu,
        "first_batch_s": first - start,
        "list_bytes": listed,
        "peak_bytes_while_reading": peak_of_reading,
        "order_bytes": 8 * len(source),
        "order_s": float(np.median(permutation)),
        "batch_s": float(np.median(waits)),
        "turnover_wait_s": turnover,
        "wait_beside_turnover_s": usual,
    }


def _across(loader: Any, around: int) -> tuple[float, float]:
    """The longest wait of the `around` batches around an epoch's end, and the median of the others."""
    loader.load_state_dict(
        signed(loader.state_dict() | {"epoch": 0, "step": len(loader) - around, "run": None})
    )
    waits = _waits(iter(loader), around)
    at_end = time.perf_counter()
    following = iter(loader)
    next(following)
    waits_after = [time.perf_counter() - at_end, *_waits(following, around)]
    both = waits[around // 2 :] + waits_after
    return max(both), float(np.median(both))


def _waits(iterator: Any, count: int) -> list[float]:
    found = []
    for _ in range(count):
        asked = time.perf_counter()
        next(iterator)
        found.append(time.perf_counter() - asked)
    return found


def planning(repeats: int) -> dict[str, Any]:
    """Microseconds to plan a batch of `ROWS` rows, and to turn the plan into DALI's arrays."""
    from dali_mixup import CutMix, MixPolicy, MixUp
    from dali_mixup._graph.feed import PlanFeed

    found = {}
    for granularity in ("batch", "pair", "sample"):
        policy = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity=granularity)
        feed = PlanFeed(policy, (0.0,) * 3, (1.0,) * 3, 224, 224)
        plans = [partial(policy.plan, ROWS, 224, 224, seed=0, epoch=0, step=step) for step in range(repeats)]
        times = [_timed(plan) for plan in plans]
        feeding = [_timed(partial(feed.arrays, plan(), feed.pixel_names)) for plan in plans]
        found[granularity] = {
            "plan_us": 1e6 * float(np.median(times)),
            "feed_us": 1e6 * float(np.median(feeding)),
        }
    return found


def targets(repeats: int) -> dict[str, Any]:
    """Microseconds to make the targets of `ROWS` rows of `MANY_CLASSES` classes."""
    import torch

    from dali_mixup import MixedTargets

    device = "cuda" if torch.cuda.is_available() else "cpu"
    labels = torch.randint(MANY_CLASSES, (ROWS, 2))
    weights = torch.rand(ROWS, 2).softmax(1)

    def finished(make: Callable[[], Any]) -> float:
        def call() -> None:
            make()
            if device == "cuda":
                torch.cuda.synchronize()

        return 1e6 * float(np.median([_timed(call) for _ in range(repeats)]))

    compact = MixedTargets(labels, weights).to(device)
    return {
        "device": device,
        "classes": MANY_CLASSES,
        "compact_us": finished(lambda: MixedTargets(labels, weights).to(device)),
        "dense_us": finished(lambda: compact.dense(MANY_CLASSES)),
    }


def _timed(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _peak_rss() -> int:
    """Bytes; Linux counts them in kibibytes."""
    import resource

    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = Path(
        "benchmarks/results/scale.json"
    ),
    files: Annotated[int, typer.Option(help="Lines of the manifest.")] = FILES,
    images: Annotated[int, typer.Option(help="Different images behind them, drawn once.")] = 1000,
    batch_size: int = ROWS,
    batches: int = 8,
    repeats: int = 500,
) -> None:
    folder = synthetic_folder(images)
    real = sorted(str(path) for path in folder.glob("*/*.JPEG"))
    with tempfile.TemporaryDirectory() as temporary:
        report: dict[str, Any] = {"environment": environment(temporary), "batch_size": batch_size}
        for name, count in (("short", batch_size * batches * 4), ("million", files)):
            place = Path(temporary) / name
            place.mkdir()
            write_list(place / "list.jsonl", real, count)
            report[name] = isolated(million, str(place / "list.jsonl"), batch_size, batches, limit=600)
        if find_spec("pyarrow") is not None:
            isolated(as_parquet, str(place / "list.jsonl"), limit=600)
            manifest = str(place / "list.parquet")
            report["million_parquet"] = isolated(million, manifest, batch_size, batches, limit=600)
    report["planning"] = isolated(planning, repeats, limit=600)
    report["targets"] = isolated(targets, repeats // 5, limit=600)
    # The loader has compact targets anyway; dense ones are made from them.
    report["targets"]["dense_share_of_batch"] = (
        report["targets"]["dense_us"] / 1e6 / report["million"]["batch_s"]
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    typer.echo(json.dumps({key: value for key, value in report.items() if key != "environment"}, indent=1))


if __name__ == "__main__":
    typer.run(main)
