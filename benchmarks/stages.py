"""CPU time of each stage of the CPU pipeline, in microseconds an image: what is worth making faster.

    python benchmarks/stages.py --out benchmarks/results/stages.json

Pipelines that end after each stage take turns; medians. CPU time of the process is steadier than wall time beside other
load. `flip in resize` lets the resize read its window backwards instead of flipping afterwards.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from nvidia.dali import Pipeline, fn, types

from dali_mixup.bench.environment import environment
from dali_mixup.bench.synthetic import synthetic_folder
from dali_mixup.bench.work import MEAN, STD

ROWS = 64
STAGES = (
    "read",
    "decode",
    "decode without fancy upsampling",
    "resize",
    "flip",
    "flip in resize",
    "normalise",
)


def pipeline(stage: str, files: list[str], threads: int) -> Pipeline:
    pipe = Pipeline(batch_size=ROWS, num_threads=threads, device_id=None, seed=1, prefetch_queue_depth=1)
    with pipe:
        pipe.set_outputs(_graph(stage, files))
    pipe.build()
    return pipe


def _graph(stage: str, files: list[str]) -> Any:
    encoded, _ = fn.readers.file(files=files)
    if stage == "read":
        return encoded
    images = fn.decoders.image_random_crop(
        encoded,
        random_area=[0.08, 1.0],
        random_aspect_ratio=[3 / 4, 4 / 3],
        adjust_orientation=False,
        jpeg_fancy_upsampling=stage != "decode without fancy upsampling",
    )
    if stage.startswith("decode"):
        return images
    flipped = fn.random.coin_flip(dtype=types.DALIDataType.INT32)
    resize: dict[str, Any] = {
        "resize_y": 224,
        "resize_x": 224,
        "interp_type": types.DALIInterpType.INTERP_LINEAR,
    }
    if stage == "flip in resize":
        back = fn.cast(flipped, dtype=types.DALIDataType.FLOAT)
        window = {"roi_start": fn.stack(0.0 * back, back), "roi_end": fn.stack(0.0 * back + 1.0, 1.0 - back)}
        return fn.resize(images, roi_relative=True, **window, **resize)
    images = fn.resize(images, **resize)
    if stage == "resize":
        return images
    images = fn.flip(images, horizontal=flipped)
    if stage == "flip":
        return images
    normal = {"mean": list(MEAN), "std": list(STD), "dtype": types.DALIDataType.FLOAT, "output_layout": "CHW"}
    return fn.crop_mirror_normalize(images, **normal)


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = Path(
        "benchmarks/results/stages.json"
    ),
    images: Annotated[int, typer.Option(help="Images to draw once.")] = 1000,
    threads: int = 2,
    repeats: int = 15,
    batches: int = 4,
) -> None:
    folder = synthetic_folder(images)
    files = sorted(str(path) for path in folder.glob("*/*.JPEG"))
    pipes = {stage: pipeline(stage, files, threads) for stage in STAGES}
    found: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for pipe in pipes.values():
        pipe.run()
    for _ in range(repeats):
        for stage, pipe in pipes.items():
            start = time.process_time()
            for _ in range(batches):
                pipe.run()
            found[stage].append(1e6 * (time.process_time() - start) / (batches * ROWS))
    medians = {stage: round(float(np.median(values)), 1) for stage, values in found.items()}
    report = {"environment": environment(files[0]), "threads": threads, "cpu_us_an_image": medians}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    typer.echo(json.dumps(medians, indent=1))


if __name__ == "__main__":
    typer.run(main)
