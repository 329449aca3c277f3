"""What masks cost: decoding them by Pillow and by DALI, and a loader of images with masks against one with labels.

    python -m benchmarks.masks                   # 400 drawn pairs, two cores: about 3 minutes

Every case takes its turn in every repeat. Decoding is measured in CPU time of one thread; loaders run in processes of
their own, with the files in the page cache.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image

from benchmarks.timed import timed
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder

HERE = Path(__file__).parent
SIZES = {
    "500 x 375, palette": (375, 500, True),
    "683 x 512, grey": (512, 683, False),
    "2048 x 1024, grey": (1024, 2048, False),
}
MASKS, BATCH_SIZE, WARM_UP, BATCHES = 16, 32, 2, 10


def drawn(height: int, width: int, palette: bool, seed: int) -> bytes:
    """A PNG of 20 discs of classes on a background."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width]
    ids = np.zeros((height, width), np.uint8)
    for _ in range(20):
        far = (y - rng.randint(height)) ** 2 + (x - rng.randint(width)) ** 2
        ids[far < rng.randint(10, height // 3) ** 2] = rng.randint(1, 20)
    image = Image.fromarray(ids)
    if palette:
        image.putpalette(rng.randint(0, 256, 768).tolist())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def decoders(files: list[bytes]) -> dict[str, Callable[[], Any]]:
    """Functions that decode all files."""
    from nvidia.dali import Pipeline, fn, types

    arrays = [np.frombuffer(file, np.uint8) for file in files]
    pipe = Pipeline(len(files), num_threads=1, device_id=None, prefetch_queue_depth=1)
    with pipe:
        encoded = fn.external_source(source=lambda: arrays, batch=True)
        pipe.set_outputs(fn.decoders.image(encoded, output_type=types.GRAY))
    pipe.build()

    def pillow() -> None:
        for file in files:
            np.asarray(Image.open(io.BytesIO(file)))

    return {"Pillow": pillow, "DALI": pipe.run}


def decoding(repeats: int) -> dict[str, Any]:
    """Milliseconds of CPU time per mask."""
    found: dict[str, Any] = {}
    for name, (height, width, palette) in SIZES.items():
        cases = decoders([drawn(height, width, palette, seed) for seed in range(MASKS)])
        times: dict[str, list[float]] = {case: [] for case in cases}
        for repeat in range(repeats + 1):
            for case, decode in cases.items():
                start = time.process_time()
                decode()
                if repeat:  # the first one fills caches
                    times[case].append(1000 * (time.process_time() - start) / MASKS)
        found[name] = {case: numbers(spread(values), 3) for case, values in times.items()}
    return found


def rate(masked: bool, folder: Path, threads: int) -> tuple[float, float]:
    """Images per second of a loader with CutMix, and milliseconds of CPU time per image; in a fresh process."""
    from dali_mixup import CutMix, Runtime, open_source, train_loader

    source = open_source(folder)
    if masked:
        paths = [source.name(index) for index in range(len(source))]
        source = open_source(paths, masks=[masks_of(folder) / f"{index}.png" for index in range(len(source))])
    runtime = Runtime(num_threads=threads)
    given = {"batch_size": BATCH_SIZE, "device": "cpu", "rank": 0, "world_size": 1, "runtime": runtime}
    return timed(train_loader(source, policy=CutMix(), **given), WARM_UP, BATCHES, BATCH_SIZE)


def masks_of(folder: Path) -> Path:
    return folder.parent / f"{folder.name}-masks"


def make_masks(folder: Path) -> None:
    """A mask for every image of a folder, of its size."""
    from dali_mixup import open_source

    source, place = open_source(folder), masks_of(folder)
    place.mkdir(exist_ok=True)
    for index in range(len(source)):
        with Image.open(source.name(index)) as image:
            width, height = image.size
        (place / f"{index}.png").write_bytes(drawn(height, width, True, index))


def loaders(images: int, repeats: int) -> dict[str, Any]:
    """With masks and with labels."""
    folder, threads = Path(synthetic_folder(images)), usable_cores()
    make_masks(folder)
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for repeat in range(repeats):
        for masked in (False, True) if repeat % 2 else (True, False):
            found[masked].append(isolated(rate, masked, folder, threads, limit=600))
    rates = {masked: [each for each, _ in rows] for masked, rows in found.items()}
    return {
        "threads": threads,
        "images_a_second": {
            name: numbers(spread(rates[masked]), 0) for name, masked in (("labels", False), ("masks", True))
        },
        "masks_of_labels": numbers(ratio(rates[True], rates[False]), 3),
        "cpu_ms_an_image": {
            name: numbers(spread([cpu for _, cpu in found[masked]]), 2)
            for name, masked in (("labels", False), ("masks", True))
        },
    }


def main(
    images: Annotated[int, typer.Option(help="Number of drawn images.")] = 400,
    repeats: Annotated[int, typer.Option(help="Runs of each case, at least 5.", min=5)] = 7,
    out: Annotated[Path, typer.Option(help="Report to write.")] = HERE / "results" / "masks.json",
) -> None:
    report = {
        "environment": environment(str(synthetic_folder(images))),
        "repeats": repeats,
        "decoding_cpu_ms_a_mask": decoding(repeats),
        "loaders": loaders(images, repeats),
    }
    out.write_text(json.dumps(report, indent=1) + "\n")
    typer.echo(json.dumps({key: report[key] for key in ("decoding_cpu_ms_a_mask", "loaders")}, indent=1))


def numbers(found: Any, digits: int) -> dict[str, float]:
    return {key: round(getattr(found, key), digits) for key in ("median", "low", "high")}


if __name__ == "__main__":
    typer.run(main)
