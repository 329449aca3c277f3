"""The possible gain of decoding at half the size: libjpeg can leave out the high frequencies of a JPEG, so that an
image is decoded at 1/2 for much less than a whole one, which is enough if the crop is at least twice the target.

    python benchmarks/scaled_decoding.py

DALI's decoders have no such argument, so this is an upper bound, measured with Pillow (`Image.draft`): for every target
size the share of crops that are large enough in both dimensions, the CPU time of decoding and resizing those both ways,
and the share of the time of all images that would be saved.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from nvidia.dali import fn
from PIL import Image

from dali_mixup.bench.environment import environment
from dali_mixup.bench.statistics import spread
from dali_mixup.bench.synthetic import SIZES, synthetic_folder

TARGETS = (224, 176, 160, 128, 112)
DRAWN = 20_000  # crops of every image size
TRIES = 4
DECODERS = ("image", "image_crop", "image_random_crop", "image_slice")


def crops(width: int, height: int, count: int, rng: np.random.RandomState) -> np.ndarray:
    """(count, 2) width and height of RandomResizedCrop's windows: area .08 to 1 of the image's, uniform; width / height
    3/4 to 4/3, uniform in its logarithm; 10 tries, then the largest window of a fitting ratio."""
    shape = (count, 10)
    area = width * height * rng.uniform(0.08, 1.0, shape)
    ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3), shape))
    tries = np.stack([np.sqrt(area * ratio), np.sqrt(area / ratio)], axis=2).round().astype(int)
    fits = ((tries > 0) & (tries <= (width, height))).all(2)
    ratio_of_whole = np.clip(width / height, 3 / 4, 4 / 3)
    largest = min(width, round(height * ratio_of_whole)), min(height, round(width / ratio_of_whole))
    return np.where(fits.any(1)[:, None], tries[np.arange(count), fits.argmax(1)], largest)


def decoded(path: str, window: tuple[int, int], target: int, half: bool) -> Image.Image:
    """The window (width, height) in the middle of an image, resized to the target."""
    with Image.open(path) as image:
        width, height = image.size
        if half:
            image.draft("RGB", (width // 2, height // 2))  # the lower limit; libjpeg rounds up
        image.load()
        if half and image.width > (width + 1) // 2:
            raise RuntimeError(f"Pillow did not decode {path} at half its size")
        left, top = (width - window[0]) / 2, (height - window[1]) / 2
        x, y = image.width / width, image.height / height
        box = (left * x, top * y, (left + window[0]) * x, (top + window[1]) * y)
        return image.resize((target, target), Image.Resampling.BILINEAR, box=box)


def cpu_ms(path: str, window: list[int], target: int, half: bool = False) -> float:
    """An image's decoding and resizing, in CPU time of this thread: the minimum of a few attempts, because the work is
    the same each time and any excess is other load on the machine."""
    times = []
    for _ in range(TRIES):
        start = time.thread_time()
        decoded(path, (window[0], window[1]), target, half)
        times.append(time.thread_time() - start)
    return 1000 * min(times)


def by_size(paths: list[str], each: int) -> dict[tuple[int, int], list[str]]:
    """Up to `each` images of every size."""
    found: dict[tuple[int, int], list[str]] = {size: [] for size in SIZES}
    for path in paths:
        with Image.open(path) as image:
            same = found[image.size]
        if len(same) < each:
            same.append(path)
    return found


def measured(
    target: int, images: dict[tuple[int, int], list[str]], repeats: int, rng: np.random.RandomState
) -> dict[str, Any]:
    every = {size: crops(*size, DRAWN, rng) for size in SIZES}
    large = {size: windows[(windows >= 2 * target).all(1)] for size, windows in every.items()}
    large_share = {size: SIZES[size] * len(large[size]) / DRAWN for size in SIZES}
    fraction = sum(large_share.values())
    runs: dict[str, list[float]] = {
        "all_ms": [],
        "large_ms": [],
        "large_half_ms": [],
        "saved_share_of_all": [],
    }
    for _ in range(repeats):
        of_all = large_whole = large_half = 0.0
        for size, paths in images.items():
            n = len(paths)
            for path, window in zip(paths, every[size].tolist(), strict=False):
                of_all += SIZES[size] * cpu_ms(path, window, target) / n
            n = min(n, len(large[size]))
            for path, window in zip(paths, large[size].tolist(), strict=False):
                large_whole += large_share[size] * cpu_ms(path, window, target) / n
                large_half += large_share[size] * cpu_ms(path, window, target, half=True) / n
        runs["all_ms"].append(of_all)
        runs["large_ms"].append(large_whole / fraction)
        runs["large_half_ms"].append(large_half / fraction)
        runs["saved_share_of_all"].append((large_whole - large_half) / of_all)
    found = {name: spread(values) for name, values in runs.items()}
    return {
        "crops_large_enough": round(fraction, 5),
        **{
            name: {key: round(getattr(each, key), 4) for key in ("median", "low", "high")}
            for name, each in found.items()
        },
    }


def main(
    repeats: Annotated[int, typer.Option(help="Runs, at least 5.")] = 5,
    each: Annotated[int, typer.Option(help="Images of every size.")] = 8,
    out: Annotated[Path, typer.Option(help="Report to write.")] = Path(
        "benchmarks/results/scaled_decoding.json"
    ),
) -> None:
    folder = synthetic_folder(2000)
    images = by_size(sorted(map(str, folder.glob("*/*"))), each)
    rng = np.random.RandomState(0)
    scaling = [name for name in DECODERS if "scal" in (getattr(fn.decoders, name).__doc__ or "").lower()]
    report = {
        "environment": environment(str(folder)),
        "decoders_that_scale": scaling,
        "repeats": repeats,
        "results": {target: measured(target, images, repeats, rng) for target in TARGETS},
    }
    for target, row in report["results"].items():
        saved = row["saved_share_of_all"]
        typer.echo(
            f"{target}: {row['crops_large_enough']:.1%} of the crops; {row['large_ms']['median']:.2f} ms of these, "
            f"{row['large_half_ms']['median']:.2f} ms at half size; saves {saved['median']:.1%} ({saved['low']:.1%} to "
            f"{saved['high']:.1%}) of the time of all"
        )
    out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
