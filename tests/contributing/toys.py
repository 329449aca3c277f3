"""One toy of each kind that CONTRIBUTING.md tells how to add, written as a contributor would write it."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup.augment import Chance, Stage, TrainTransform
from dali_mixup.methods import Draws, Form, Method
from dali_mixup.sources import Source

HALVES = '''"""The toy mixing method: own image on the left, partner on the right. Nothing is random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import number
from dali_mixup.methods.base import Draws, Form, Method, two


@dataclass(frozen=True)
class Halves(Method):
    """The left part of the own image beside the right part of the partner's.

    Args:
        share: in [0, 1], of the width that is the own image's, rounded to whole pixels.
    """

    share: float = 0.5

    name: ClassVar[str] = "halves"
    form: ClassVar[Form] = Form.PASTE

    def __post_init__(self) -> None:
        number("Halves", "share", self.share, at_least=0, at_most=1)

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        x = round(self.share * width)
        boxes = np.tile([0, x, height, width], (n, 1))
        regions = np.tile([1, 0, x, 0, x, height, width - x], (n, 1, 1))
        return Draws(two(np.full(n, x / width)), boxes=boxes, regions=regions)
'''

WHERE = '''"""`dali-mixup where`: the toy subcommand."""

from __future__ import annotations

import typer


def where() -> None:
    """Say where this package lies."""
    import dali_mixup

    typer.echo(dali_mixup.__file__)
'''


@dataclass(frozen=True)
class Halves(Method):
    """The method of `HALVES` as a user would write it, outside the package and without parameters."""

    name: ClassVar[str] = "halves"
    form: ClassVar[Form] = Form.PASTE

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        x = width // 2
        return Draws(
            np.tile([x / width, 1 - x / width], (n, 1)),
            boxes=np.tile([0, x, height, width], (n, 1)),
            regions=np.tile([1, 0, x, 0, x, height, width - x], (n, 1, 1)),
        )


@dataclass(frozen=True)
class Inverting(TrainTransform):
    """`TrainTransform`, and `invert`: in [0, 1], how likely an image is inverted."""

    invert: float = 0.0

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (*super().stages, Chance("Invert", self.invert))


class Album(Source):
    """The images of an album, a zip file with another name: `class/name.jpg`."""

    read_in_dali = False

    def __init__(self, path: str) -> None:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        classes = sorted({os.path.dirname(name) for name in names})
        labels = [classes.index(os.path.dirname(name)) for name in names]
        self.path, self.members = path, names
        super().__init__([f"{path}/{name}" for name in names], labels, classes, root=path)

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        with zipfile.ZipFile(self.path) as archive:
            return [np.frombuffer(archive.read(self.members[i]), np.uint8) for i in indices]


def album_of(folder: str, path: str) -> str:
    """A folder of class folders as an album of JPEGs; returns `path`."""
    with zipfile.ZipFile(path, "w") as archive:
        for root, _, files in sorted(os.walk(folder)):
            for file in sorted(files):
                inside = os.path.join(os.path.basename(root), f"{os.path.splitext(file)[0]}.jpg")
                with open(os.path.join(root, file), "rb") as image:
                    archive.writestr(inside, image.read())
    return path
