"""The images of the experiment: crops of the photographs that other packages carry, harder than the demo's."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from dali_mixup._files import make_folder
from dali_mixup.bench.photographs import PHOTOGRAPHS, open_photograph, write_crop

SHORTER = 384  # all photographs are brought to this shorter side, so that a crop shows about as much of each
STRIPS = 5  # most strips side by side of a photograph, for training and for testing by turns
SIDES = (96, 128)  # least and greatest width and height of a crop, pixels
TRAIN_PER_CLASS, TEST_PER_CLASS = 64, 32


def write_photographs(
    root: Path, *, train_per_class: int = TRAIN_PER_CLASS, test_per_class: int = TEST_PER_CLASS
) -> None:
    """Write crops of the photographs as JPEGs in ImageNet's layout: root/{train,val}/<class>/<class>_<number>.JPEG.

    Training and test crops come from different strips of a photograph. The same crops every time; about 15 MB.

    Raises:
        ModuleNotFoundError: scikit-image, scikit-learn or matplotlib is not installed.
        NotWritten: root cannot be written to.
    """
    counts = {"train": train_per_class, "val": test_per_class}
    for number, name in enumerate(PHOTOGRAPHS):
        photograph = _at_shorter_side(open_photograph(name))
        rng = np.random.RandomState(number)
        for split, areas in strips(photograph.width).items():
            folder = make_folder(root / split / name)
            for i in range(counts[split]):
                left, right = areas[i % len(areas)]
                width = rng.randint(SIDES[0], min(SIDES[1], right - left) + 1)
                height = rng.randint(SIDES[0], SIDES[1] + 1)
                x, y = rng.randint(left, right - width + 1), rng.randint(0, photograph.height - height + 1)
                write_crop(photograph, (x, y, x + width, y + height), folder / f"{name}_{i}.JPEG")


def strips(width: int) -> dict[str, list[tuple[int, int]]]:
    """Training and test strips by turns, (left, right) in pixels: `STRIPS`, or three where they would be narrower than
    a crop."""
    count = STRIPS if width >= STRIPS * SIDES[0] else 3
    borders = [round(i * width / count) for i in range(count + 1)]
    areas = list(pairwise(borders))
    return {"train": areas[::2], "val": areas[1::2]}


def _at_shorter_side(image: Image.Image) -> Image.Image:
    factor = SHORTER / min(image.size)
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)
