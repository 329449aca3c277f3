"""Images with masks: pictures of coloured discs, and palette images of their class ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dali_mixup import Output, Runtime, open_source, train_loader

COUNT, SIZE = 12, 32
PLAIN = Output(mean=0, std=1)
CLASSES = 5
IGNORED = 255
PALETTE = [value for colour in range(256) for value in (colour * 37 % 256, colour * 91 % 256, 255 - colour)]
COLOURS = np.array([(20, 30, 40), (220, 40, 40), (40, 200, 60), (60, 80, 230), (230, 210, 50)], np.uint8)


def class_map(height: int, width: int, seed: int) -> np.ndarray:
    """(H, W) uint8: discs of the classes 1 to 4 on 0, with a border of ignored pixels around each."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width]
    ids = np.zeros((height, width), np.uint8)
    for _ in range(4):
        radius = rng.randint(5, max(6, min(height, width) // 3))
        far = (y - rng.randint(height)) ** 2 + (x - rng.randint(width)) ** 2
        ids[far < (radius + 1) ** 2] = IGNORED
        ids[far < radius**2] = rng.randint(1, CLASSES)
    return ids


def picture_of(ids: np.ndarray, seed: int) -> Image.Image:
    """The picture that a map describes, with some noise; black where it is ignored."""
    colours = np.where((ids == IGNORED)[..., None], 0, COLOURS[np.where(ids == IGNORED, 0, ids)])
    noise = np.random.RandomState(seed).normal(0, 4, colours.shape)
    return Image.fromarray(np.clip(colours + noise, 0, 255).astype(np.uint8))


def with_palette(ids: np.ndarray) -> Image.Image:
    image = Image.fromarray(ids)
    image.putpalette(PALETTE)
    return image


def make_pairs(folder: Path, count: int = COUNT) -> tuple[Path, Path]:
    """`count` pairs in images/<a|b>/<number>.png and masks/<a|b>/<number>.png, of different sizes; the two folders."""
    for number in range(count):
        size = 60 + 7 * (number % 5), 90 - 9 * (number % 4)
        ids = class_map(*size, seed=number)
        for kind, image in (("images", picture_of(ids, number)), ("masks", with_palette(ids))):
            place = folder / kind / "ab"[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            image.save(place / f"{number:02}.png")
    return folder / "images", folder / "masks"


def paired_loader(folders: tuple[Path, Path], **changed: Any) -> Any:
    """A loader of these pairs, on one thread."""
    given = {"batch_size": 4, "seed": 5, "device": "cpu", "num_classes": CLASSES, "output": PLAIN}
    if "transform" not in changed:
        given["image_size"] = SIZE
    data = changed.pop("data", None) or open_source(folders[0], masks=folders[1])
    return train_loader(data, **{**given, "runtime": Runtime(num_threads=1), **changed})
