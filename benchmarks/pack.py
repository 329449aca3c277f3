"""The gain of packed data: `train_loader` on the original images and on packed ones, and what packing takes and costs.

    python benchmarks/pack.py                          # 2000 drawn images, some minutes on two idle cores

The images are packed with their shorter side limited to 256, 320 and 400 pixels. Then loaders on the original and on
the packed data take turns in one process, an epoch each, with the page cache warm. Rates are compared turn by turn, so
whatever changes the speed of the machine cancels. The quality is given as PSNR: of the encoded images against the same
pixels before encoding; and of libjpeg's reduced decoding, which packing does not use, against decoding whole, both
resized alike.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import typer
from PIL import Image

from dali_mixup import open_source
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.photographs import PHOTOGRAPHS, open_photograph
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder
from dali_mixup.pack import Options, Packing
from dali_mixup.pack.images import target_size
from dali_mixup.pack.options import Subsampling

BATCH_SIZE = 64
WARM_UP = 3
SIDES = (256, 320, 400)
PACKED = {
    **{f"shorter side {side}": Options(shorter_side=side) for side in SIDES},
    "shorter side 256, quality 85": Options(shorter_side=256, quality=85),
}
PER_SHARD = 128  # so that two processes have equal work with 2000 images
ENCODINGS = tuple((quality, subsampling) for quality in (85, 90, 95) for subsampling in ("4:2:0", "4:4:4"))
LOOKED_AT = 200  # images whose PSNR is taken
REDUCED_SIDES = (64, 100, 120, 200)


Measured = tuple[float, float]
"""Images per second, and milliseconds of CPU time per image."""


def epochs(folders: dict[str, str], repeats: int) -> dict[str, list[Measured]]:
    """What every epoch takes, in a fresh process."""
    from dali_mixup import CutMix, MixPolicy, MixUp, train_loader

    def epoch(loader: Any) -> Measured:
        batches = iter(loader)
        for _ in range(WARM_UP):
            next(batches)
        cpu, start = time.process_time(), time.perf_counter()
        images = sum(len(images) for images, _ in batches)
        seconds = time.perf_counter() - start
        return images / seconds, 1000 * (time.process_time() - cpu) / images

    loaders = {
        name: train_loader(
            folder,
            policy=MixPolicy([MixUp(0.8), CutMix(1.0)]),
            batch_size=BATCH_SIZE,
            device="cpu",
            rank=0,
            world_size=1,
        )
        for name, folder in folders.items()
    }
    for loader in loaders.values():
        epoch(loader)  # which builds its pipeline, and reads all images into the page cache
    found: dict[str, list[Measured]] = {name: [] for name in loaders}
    for repeat in range(repeats):
        names = list(loaders)
        turn = repeat % len(names)
        for name in (*names[turn:], *names[:turn])[:: 1 if repeat % 2 else -1]:
            found[name].append(epoch(loaders[name]))
    for loader in loaders.values():
        loader.close()
    return found


def packed(original: Path, folder: Path, options: Options, workers: int) -> dict[str, Any]:
    """Pack the images, and describe what that gave."""
    start = time.perf_counter()
    source = open_source(original)
    tally = Packing(source, folder, replace(options, per_shard=PER_SHARD), workers=workers).run()
    seconds = time.perf_counter() - start
    before = sum(path.stat().st_size for path in original.glob("*/*"))
    return {
        "packed_images_a_second": round(tally.samples / seconds),
        "bytes_of_the_original": round(tally.bytes / before, 3),
    }


def encoding_quality(original: Path, side: int) -> dict[str, dict[str, float]]:
    """Bytes and PSNR of resized images by quality and subsampling; only of those that are resized."""
    rows: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(original.glob("*/*"))[:LOOKED_AT]:
        with Image.open(path) as image:
            if min(image.size) <= side:
                continue
            size = target_size(*image.size, side)
            resized = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        for quality, subsampling in ENCODINGS:
            memory = io.BytesIO()
            resized.save(memory, "JPEG", quality=quality, subsampling=cast(Subsampling, subsampling))
            row = len(memory.getvalue()), psnr(resized, Image.open(memory).convert("RGB"))
            rows.setdefault(f"quality {quality}, {subsampling}", []).append(row)
    return {
        name: {
            "bytes": round(float(np.mean([row[0] for row in found]))),
            "psnr": round(float(np.mean([row[1] for row in found])), 1),
        }
        for name, found in rows.items()
    }


def reduced_decoding() -> dict[str, float]:
    """The lowest and highest PSNR of images decoded at a reduced size that is still at least the target's."""
    found = []
    for name in PHOTOGRAPHS:
        memory = io.BytesIO()
        open_photograph(name).save(memory, "JPEG", quality=95, subsampling="4:2:0")
        whole = Image.open(io.BytesIO(memory.getvalue())).convert("RGB")
        for side in REDUCED_SIDES:
            size = target_size(*whole.size, side)
            for margin in (1, 2, 4):
                image = Image.open(io.BytesIO(memory.getvalue()))
                image.draft(None, (margin * size[0], margin * size[1]))
                if image.size != whole.size:
                    both = (
                        each.resize(size, Image.Resampling.LANCZOS) for each in (whole, image.convert("RGB"))
                    )
                    found.append(psnr(*both))
    return {"lowest": round(min(found), 1), "highest": round(max(found), 1)}


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Peak signal-to-noise ratio of 8-bit images, in dB: 10 log10(255^2 / mean squared error)."""
    error = np.mean((np.asarray(one, np.float64) - np.asarray(other, np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error))


def main(
    images: Annotated[int, typer.Option(help="Images to draw.")] = 2000,
    workers: Annotated[int, typer.Option(help="Processes that pack; 0: the cores.")] = 0,
    repeats: Annotated[int, typer.Option(help="Epochs of each loader, at least 5.")] = 15,
    out: Annotated[Path, typer.Option(help="Report to write.")] = Path("benchmarks/results/pack.json"),
) -> None:
    original = synthetic_folder(images)
    workers = workers or usable_cores()
    report: dict[str, Any] = {
        "environment": environment(str(original)),
        "images": images,
        "batch_size": BATCH_SIZE,
        "repeats": repeats,
        "reduced_decoding_psnr": reduced_decoding(),
        "encodings": {side: encoding_quality(original, side) for side in SIDES},
        "results": {},
    }
    with tempfile.TemporaryDirectory() as scratch:
        folders = {"original": str(original)}
        for name, options in PACKED.items():
            folders[name] = f"{scratch}/{name}"
            report["results"][name] = packed(original, Path(folders[name]), options, workers)
        measured = isolated(epochs, folders, repeats, limit=3600)
    rates, cpu = ({name: [row[i] for row in rows] for name, rows in measured.items()} for i in (0, 1))
    for name in folders:
        report["results"].setdefault(name, {}).update(
            images_a_second=spread(rates[name]).rounded(0),
            cpu_ms_an_image=spread(cpu[name]).rounded(3),
            rate_to_the_original=ratio(rates[name], rates["original"]).rounded(3),
            cpu_to_the_original=ratio(cpu[name], cpu["original"]).rounded(3),
        )
    for name in PACKED:
        found = report["results"][name]
        rate, time_taken = found["rate_to_the_original"], found["cpu_to_the_original"]
        typer.echo(
            f"{name}: {rate['median']:.2f} times as fast ({rate['low']:.2f} to {rate['high']:.2f}), "
            f"{time_taken['median']:.2f} of the CPU time, {found['bytes_of_the_original']:.2f} of the bytes"
        )
    out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
