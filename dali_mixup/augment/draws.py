"""The random decisions of a training transform other than the window and the flip: drawn on the CPU in NumPy for a
whole batch, fed to the graph as arrays. A pure function of the batch's address, like a mixing plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from dali_mixup._seeding import Purpose, stream
from dali_mixup.augment.drawn import arrays_of, parameters_of
from dali_mixup.augment.erasing import Cutout, RandomErasing
from dali_mixup.augment.operations import Kernel
from dali_mixup.augment.pixmix import PixMix
from dali_mixup.augment.sizes import MultiScale, SizeSchedule
from dali_mixup.augment.stage import Composition, Stage

T = TypeVar("T")


@dataclass(frozen=True)
class TransformDraws:
    """The arrays of a batch, and their names, which depend only on the transform.

    Attributes:
        size: (height, width), or an object that gives it.
        stages: the stages, in order of application.
        cutout, random_erasing: None: off.
        channels: of the images.
    """

    size: tuple[int, int] | SizeSchedule | MultiScale
    stages: tuple[Stage, ...]
    cutout: Cutout | None
    random_erasing: RandomErasing | None
    channels: int = 3

    def of_channels(self, channels: int) -> TransformDraws:
        """The same for images of so many channels."""
        return self if channels == self.channels else replace(self, channels=channels)

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        """The kernels of every layer of every stage."""
        return tuple(layer for stage in self.stages for layer in stage.layers)

    @property
    def placed(self) -> Iterator[tuple[Stage, int]]:
        """Every stage, and the number of its first layer."""
        first = 0
        for stage in self.stages:
            yield stage, first
            first += len(stage.layers)

    @property
    def moves(self) -> bool:
        """True if an operation may move pixels."""
        return any(Kernel.AFFINE in layer for layer in self.layers)

    @property
    def averages(self) -> bool:
        """True if images are averaged that were moved apart: a mask has no average."""
        return any(
            isinstance(stage, Composition) and any(Kernel.AFFINE in layer for layer in stage.layers)
            for stage in self.stages
        )

    @property
    def pictures(self) -> bool:
        """True if images are mixed with pictures: the graph then reads the arrays `pixmix.PICTURES` too."""
        return any(isinstance(stage, PixMix) for stage in self.stages)

    @property
    def rectangles(self) -> tuple[str, ...]:
        """The prefix of the names of each rectangle's arrays: "cutout", "erasing0", ..."""
        cut = ("cutout",) if self.cutout else ()
        count = self.random_erasing.count if self.random_erasing else 0
        return (*cut, *(f"erasing{i}" for i in range(count)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays: "size" if it changes, "<layer>.<Actions field>", "further<layer>.<name>",
        "<rectangle>.<Rectangles field>"."""
        size = () if isinstance(self.size, tuple) else ("size",)
        actions = (name for stage, first in self.placed for name in names_of(stage, first))
        rectangles = (f"{name}.{field}" for name in self.rectangles for field in self._fields_of(name))
        return (*size, *actions, *rectangles)

    def size_at(self, seed: int, epoch: int, step: int) -> tuple[int, int]:
        """(height, width) of a batch's images."""
        return self.size if isinstance(self.size, tuple) else self.size.at(seed, epoch, step)

    def arrays(self, rows: int, seed: int, rank: int, epoch: int, step: int) -> tuple[np.ndarray, ...]:
        """The arrays of `names` for one batch, each with one entry per row."""
        if not self.names:
            return ()
        height, width = self.size_at(seed, epoch, step)
        rng = stream(Purpose.OPERATION, seed, rank=rank, epoch=epoch, step=step)
        made = [] if isinstance(self.size, tuple) else [np.full((rows, 2), (height, width), np.float32)]
        for stage in self.stages:
            made += arrays_of(stage, stage.draw(rng, rows, height, width), rows)
            made += [*stage.draw_further(rng, rows)] if isinstance(stage, Composition) else []
        drawers = [drawer for drawer in (self.cutout, self.random_erasing) if drawer is not None]
        rectangles = [
            one for drawer in drawers for one in drawer.draw(rng, rows, height, width, self.channels)
        ]
        for rectangle, name in zip(rectangles, self.rectangles, strict=True):
            made += [getattr(rectangle, field) for field in self._fields_of(name)]
        return tuple(made)

    def _fields_of(self, rectangle: str) -> tuple[str, ...]:
        """Names of the arrays of `Rectangles`; a constant needs no colour."""
        coloured = (
            rectangle != "cutout" and self.random_erasing is not None and self.random_erasing.mode == "rand"
        )
        return ("erased", "start", "shape", *(("colour",) if coloured else ()))


def names_of(stage: Stage, first: int) -> tuple[str, ...]:
    """The names of a stage's arrays; `first` is the number of its first layer."""
    actions = (f"{i}.{name}" for i, layer in enumerate(stage.layers, first) for name in parameters_of(layer))
    return (*actions, *(further_of(stage, first).values() if isinstance(stage, Composition) else ()))


def further_of(stage: Composition, first: int) -> dict[str, str]:
    """The names of a stage's further arrays among all."""
    return {name: f"further{first}.{name}" for name in stage.further}


def of_prefix(prefix: str, named: Mapping[str, T]) -> dict[str, T]:
    """What is named for one layer or rectangle under its own names, and the size if it changes."""
    mine = {name.split(".")[1]: one for name, one in named.items() if name.startswith(f"{prefix}.")}
    return mine | {name: one for name, one in named.items() if name == "size"}
