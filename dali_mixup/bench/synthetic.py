"""JPEGs with about the decoding cost of ImageNet's, drawn from real photographs that other packages contain."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from dali_mixup._checks import integer
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup._files import cache_folder, make_folder, replacing
from dali_mixup.bench.photographs import open_photograph

# Of `photographs.PHOTOGRAPHS`, those in colour. Their order is part of what `VERSION` names.
PHOTOGRAPHS = ("astronaut", "cat", "coffee", "galaxies", "motorcycle", "rocket", "pagoda", "dahlia")

# (width, height): share. A model of ImageNet's training images, whose most frequent size by far is 500x375; the shares
# of the others are rounded guesses, not counts.
SIZES = {
    (500, 375): 0.60,
    (375, 500): 0.12,
    (500, 333): 0.12,
    (333, 500): 0.05,
    (500, 500): 0.04,
    (400, 300): 0.03,
    (640, 480): 0.03,
    (300, 225): 0.01,
}
BYTES = 110_000  # the mean of a 500x375 image; larger and smaller ones in proportion to their pixels
BYTES_SIGMA = 0.30  # of the logarithm of the bytes
CLASSES = 100
VERSION = 1  # version of the drawing; each has its own folder


def synthetic_folder(count: int, progress: Callable[[int], None] = lambda drawn: None) -> Path:
    """The folder of `count` images in class folders, below $XDG_CACHE_HOME or ~/.cache; missing ones are drawn, about
    70 images per second and core, the same ones every time.

    progress is called with the number of images that exist.

    Raises:
        ModuleNotFoundError: scikit-image or scikit-learn is not installed.
    """
    integer("synthetic_folder", "count", count, at_least=CLASSES)
    root = cache_folder(f"imagenet-like-v{VERSION}-{count}")
    missing = [number for number in range(count) if not _path(root, number).exists()]
    done = count - len(missing)
    progress(done)
    if missing:
        # Spawned, because torch's threads may already run here.
        with ProcessPoolExecutor(usable_cores(), get_context("spawn"), _leave_ctrl_c_alone) as workers:
            try:
                for _ in workers.map(partial(_draw, root), missing, chunksize=8):
                    done += 1
                    progress(done)
            except BaseException:
                workers.shutdown(cancel_futures=True)  # else all the others are drawn first
                raise
    return root


def image_like(number: int) -> bytes:
    """The encoded JPEG of that number: a window of a photograph, zoomed, flipped, with noise, baseline 4:2:0, whose
    quality is the one that comes nearest to a size drawn from a log-normal law."""
    rng = np.random.RandomState(number)
    width, height = list(SIZES)[rng.choice(len(SIZES), p=list(SIZES.values()))]
    photograph = _photographs()[rng.randint(len(PHOTOGRAPHS))]
    share = min(photograph.width / width, photograph.height / height) * rng.uniform(0.5, 1.0)
    w, h = int(width * share), int(height * share)
    x, y = rng.randint(photograph.width - w + 1), rng.randint(photograph.height - h + 1)
    window = photograph.resize((width, height), Image.Resampling.BICUBIC, box=(x, y, x + w, y + h))
    if rng.random_sample() < 0.5:
        window = window.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    window = window.filter(ImageFilter.UnsharpMask(radius=1.5, percent=80, threshold=0))
    grain = rng.normal(0.0, rng.uniform(3.0, 9.0), size=(height, width, 1))
    pixels = np.clip(np.asarray(window, np.float32) * rng.uniform(0.7, 1.2) + grain, 0, 255).astype(np.uint8)
    wanted = BYTES * width * height / (500 * 375) * rng.lognormal(-(BYTES_SIGMA**2) / 2, BYTES_SIGMA)
    return _encoded(Image.fromarray(pixels), wanted)


def _encoded(image: Image.Image, wanted: float) -> bytes:
    """Bisect the quality, with which the size grows."""
    low, high = 40, 98
    while low < high:
        middle = (low + high) // 2
        if len(_jpeg(image, middle)) < wanted:
            low = middle + 1
        else:
            high = middle
    return _jpeg(image, low)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    memory = io.BytesIO()
    image.save(memory, "JPEG", quality=quality, subsampling="4:2:0")
    return memory.getvalue()


def _leave_ctrl_c_alone() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends it


def _draw(root: Path, number: int) -> None:
    target = _path(root, number)
    make_folder(target.parent)
    with replacing(target) as file:
        file.write(image_like(number))


def _path(root: Path, number: int) -> Path:
    return root / f"class{number % CLASSES:03d}" / f"{number:07d}.JPEG"


@cache
def _photographs() -> list[Image.Image]:
    return [open_photograph(name) for name in PHOTOGRAPHS]
