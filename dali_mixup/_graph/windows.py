"""Windows of JPEGs decoded on the GPU and on the CPU, and the differences between them.

Runs in the child process of `selftest`, which may not survive it. Exit codes: 0 the pixels agree, 1 they do not,
anything else an error. `CONTROL` on the standard output means that whole images could be decoded on the GPU before, so
a later failure is due to the decoding of windows.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable

import numpy as np
from nvidia.dali import Pipeline, fn
from nvidia.dali.data_node import DataNode
from PIL import Image

from dali_mixup._graph.decode import Backend, whole_image

CONTROL = "whole images can be decoded"
BATCHES = 4
# Two decoders round differently, and upsample colour differently, at a window's edge if nowhere else. On these images
# libjpeg-turbo's coarsest settings (fast inverse DCT, no interpolation of chroma) differ from its default by 1.5 levels
# on average and by 10 at most; a window that is off by one pixel differs by more than 6 on average. A strip of
# uninitialised memory, one row in 200, is far off.
MEAN_APART = 3.0  # grey levels, of any image
FAR = 24  # grey levels
FAR_SHARE = 0.005  # of any image's values


def main(gpu: int, hw_decoder_load: float) -> int:
    """The child's exit code."""
    files = mixed_jpegs()
    backend = Backend(gpu=True, hw_decoder_load=hw_decoder_load)
    decoded(whole_pipeline(files, gpu, backend), 1)
    print(CONTROL, flush=True)
    on_gpu = decoded(windows_pipeline(files, gpu, backend), BATCHES)
    on_cpu = decoded(windows_pipeline(files, None, Backend(gpu=False)), BATCHES)
    wrong = apart(on_gpu, on_cpu)
    if wrong:
        print(
            f"{len(wrong)} of {len(on_cpu)} windows differ from the CPU's, first {wrong[0]}", file=sys.stderr
        )
    return 1 if wrong else 0


def mixed_jpegs(count: int = 64) -> list[np.ndarray]:
    """`count` JPEG files (bytes as uint8) that are hard for decoders: wide and tall, of odd sizes, grey, baseline and
    progressive, with all three usual chroma subsamplings."""
    files = []
    for i in range(count):
        rng = np.random.RandomState(i)
        height, width = rng.randint(61, 641, 2)
        y, x = np.mgrid[0:height, 0:width] / 60.0
        waves = [
            np.sin(y * rng.uniform(1, 4) + rng.uniform(0, 6)) * np.cos(x * rng.uniform(1, 4)) for _ in "rgb"
        ]
        pixels = 128 + 80 * np.stack(waves, axis=2) + rng.normal(0, 8, (height, width, 1))
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        if i % 8 == 7:
            image = image.convert("L")
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=75 + i % 3 * 10, subsampling=i % 3, progressive=i % 4 == 3)
        files.append(np.frombuffer(buffer.getvalue(), np.uint8))
    return files


def windows_pipeline(files: list[np.ndarray], gpu: int | None, backend: Backend) -> Pipeline:
    """Random windows of the files, decoded as for training; the same ones on every device."""
    arguments = backend.decoder_arguments | {"seed": 1}
    return _pipeline(files, gpu, lambda encoded: fn.decoders.image_random_crop(encoded, **arguments))


def whole_pipeline(files: list[np.ndarray], gpu: int | None, backend: Backend) -> Pipeline:
    """The whole images."""
    return _pipeline(files, gpu, lambda encoded: whole_image(encoded, backend))


def _pipeline(files: list[np.ndarray], gpu: int | None, decode: Callable[[DataNode], DataNode]) -> Pipeline:
    pipe = Pipeline(batch_size=len(files), num_threads=2, device_id=gpu, prefetch_queue_depth=2)
    with pipe:
        pipe.set_outputs(decode(fn.external_source(source=lambda: files, batch=True)))
    return pipe


def decoded(pipe: Pipeline, batches: int) -> list[np.ndarray]:
    """The pixels of `batches` batches."""
    pipe.build()
    images = []
    for _ in range(batches):
        (output,) = pipe.run()
        output = output.as_cpu()
        images += [np.array(output.at(i)) for i in range(len(output))]
    return images


def apart(ours: list[np.ndarray], theirs: list[np.ndarray]) -> list[str]:
    """The images that differ in size or by more than rounding, as text."""
    found = []
    for i, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if mine.shape != other.shape:
            found.append(f"image {i}: {mine.shape} instead of {other.shape}")
            continue
        difference = np.abs(mine.astype(np.int16) - other)
        mean, far = difference.mean(), (difference > FAR).mean()
        if mean > MEAN_APART or far > FAR_SHARE:
            found.append(
                f"image {i}: {mean:.1f} levels apart on average, {far:.1%} of the values more than {FAR}"
            )
    return found


def run(arguments: list[str]) -> None:
    """`main` for a command line of (GPU, hw_decoder_load). Ends the process without the clean-up of DALI and CUDA,
    which has been seen to abort after all the work was done."""
    code = main(int(arguments[0]), float(arguments[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
