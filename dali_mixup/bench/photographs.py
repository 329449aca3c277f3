"""A small labelled image set made of real photographs that other packages contain."""

from __future__ import annotations

import io
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from dali_mixup._files import make_folder, replacing

PHOTOGRAPHS = {
    "admiral": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "astronaut": ("skimage", "data/astronaut.png"),
    "brick": ("skimage", "data/brick.png"),
    "cameraman": ("skimage", "data/camera.png"),
    "cat": ("skimage", "data/chelsea.png"),
    "cell": ("skimage", "data/cell.png"),
    "clock": ("skimage", "data/clock_motion.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "coins": ("skimage", "data/coins.png"),
    "dahlia": ("sklearn", "datasets/images/flower.jpg"),
    "galaxies": ("skimage", "data/hubble_deep_field.jpg"),
    "grass": ("skimage", "data/grass.png"),
    "gravel": ("skimage", "data/gravel.png"),
    "moon": ("skimage", "data/moon.png"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "pagoda": ("sklearn", "datasets/images/china.jpg"),
    "page": ("skimage", "data/page.png"),
    "retina": ("skimage", "data/retina.jpg"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "tissue": ("skimage", "data/ihc.png"),
}
"""Name -> (package, file). All of them ship inside the packages' wheels."""

CLASSES = (
    "astronaut",
    "brick",
    "cat",
    "coffee",
    "dahlia",
    "galaxies",
    "grass",
    "motorcycle",
    "pagoda",
    "rocket",
)
"""The photographs of the demo, each of which is a class; the `demo` extra has their packages."""

HEIGHT = 320  # all photographs are brought to this height, so that a crop shows about as much of each
TRAIN_SHARE = 0.62  # of the width; the rest is for validation, so no pixel is in both


PER_CLASS = {"train": 64, "val": 16}
"""Images of a class, in the demo."""


def write_photographs(
    root: Path, *, train_per_class: int = PER_CLASS["train"], val_per_class: int = PER_CLASS["val"]
) -> None:
    """Write crops of the photographs as JPEGs in ImageNet's layout: root/{train,val}/<class>/<class>_<number>.JPEG.

    Training crops come from the left of a photograph and validation crops from the right, 96 to 160 pixels wide.
    The same crops every time; about 10 MB at most.

    Raises:
        ModuleNotFoundError: scikit-image or scikit-learn is not installed; both come with the `demo` extra.
    """
    for number, name in enumerate(CLASSES):
        photograph = _at_height(open_photograph(name))
        border = round(photograph.width * TRAIN_SHARE)
        areas = {"train": (0, border, train_per_class), "val": (border, photograph.width, val_per_class)}
        rng = np.random.RandomState(number)
        for split, (left, right, count) in areas.items():
            folder = make_folder(root / split / name)
            for i in range(count):
                width, height = rng.randint(96, min(160, right - left) + 1, size=2)
                x, y = rng.randint(left, right - width + 1), rng.randint(0, photograph.height - height + 1)
                write_crop(photograph, (x, y, x + width, y + height), folder / f"{name}_{i}.JPEG")


def write_crop(photograph: Image.Image, box: tuple[int, int, int, int], path: Path) -> None:
    """Write a part of a photograph, (left, top, right, bottom) in pixels, as a JPEG of quality 90."""
    encoded = io.BytesIO()  # written by Pillow itself, a full disk would be an error of its encoder
    photograph.crop(box).save(encoded, "JPEG", quality=90)
    with replacing(path) as file:
        file.write(encoded.getbuffer())


def open_photograph(name: str) -> Image.Image:
    """One of `PHOTOGRAPHS`, RGB, as large as it is.

    Raises:
        ModuleNotFoundError: the package that carries it is not installed.
    """
    package, file = PHOTOGRAPHS[name]
    try:
        source = files(package).joinpath(*file.split("/"))
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the photographs are in {package}, which is not installed; pip install 'dali-mixup[bench]', or "
            "'dali-mixup[demo]' for those of the demo"
        ) from error
    with source.open("rb") as stream:
        return Image.open(stream).convert("RGB")


def _at_height(image: Image.Image) -> Image.Image:
    return image.resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.Resampling.LANCZOS)
