"""CPU time of each stage of the CPU pipeline, in microseconds per image: the stages that are worth optimising.

    python benchmarks/stages.py --out benchmarks/results/stages.json

Pipelines that end after each stage take turns; medians. CPU time of the process is steadier than wall time beside other
load. "compiled": with the kernels of `dali_mixup._cpu` instead of DALI's operators.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from nvidia.dali import Pipeline, fn, types

from dali_mixup._cpu.operators import finished, normalised, resized
from dali_mixup._graph.feed_kernels import normalising
from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup.bench.environment import environment
from dali_mixup.bench.synthetic import synthetic_folder
from dali_mixup.methods import Form

ROWS = 64
STAGES = (
    "read",
    "decode",
    "decode without fancy upsampling",
    "resize",
    "flip",
    "normalise",
    "blend and normalise",
    "compiled resize and flip",
    "compiled normalise",
    "compiled blend and normalise",
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
    compiled = stage.startswith("compiled")
    if compiled:
        images = resized(images, (224, 224), "bilinear", flipped)
    else:
        images = fn.resize(images, size=[224, 224], interp_type=types.DALIInterpType.INTERP_LINEAR)
        images = images if stage == "resize" else fn.flip(images, horizontal=flipped)
    if stage in ("resize", "flip", "compiled resize and flip"):
        return images
    if compiled:
        return _finished(images) if "blend" in stage else _normalised(images)
    if "blend" in stage:
        partner = fn.permute_batch(images, indices=fn.batch_permutation())
        images = partner * np.float32(0.5) + images
    return fn.crop_mirror_normalize(
        images,
        mean=list(IMAGENET_MEAN),
        std=list(IMAGENET_STD),
        dtype=types.DALIDataType.FLOAT,
        output_layout="CHW",
    )


def _normalised(images: Any) -> Any:
    coefficients = normalising(IMAGENET_MEAN, IMAGENET_STD)
    return normalised(images, _constant(coefficients), types.DALIDataType.FLOAT, "CHW")


def _finished(images: Any) -> Any:
    """Half of each image, and half of another one."""
    scale, shift = normalising(IMAGENET_MEAN, IMAGENET_STD)
    rows = fn.stack(fn.batch_permutation(), _constant(np.int32(0)))
    steps = np.zeros((1, 7), np.int32)
    steps[0, 0] = Form.BLEND
    return finished(
        images,
        rows,
        _constant(np.zeros(4, np.uint8)),
        _constant(np.stack([scale / 2, scale / 2, shift])),
        _constant(steps),
        types.DALIDataType.FLOAT,
        "CHW",
    )


def _constant(values: Any) -> Any:
    return types.Constant(values, device="cpu")


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
