"""The interface of a random single-image augmentation: a few layers; in each, every image draws one operation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from dali_mixup._checks import choice, number
from dali_mixup.augment.operations import MOST_SIGMA, OPERATIONS, Actions, Kernel, kernels_of


class Stage(Protocol):
    """Draws decisions, which the graph applies. NumPy only. Settings are fields of the transform that makes it."""

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        """The kernels that each layer may draw, see `kernels_of`; none if the stage is off. A graph is built from
        these, so they do not depend on chance."""

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        """One action per layer and row, for images of this size."""


class Composition(ABC):
    """A stage whose layers do not just follow one another, with further arrays for what is made of their results."""

    @property
    @abstractmethod
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        """As of `Stage`."""

    @abstractmethod
    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        """As of `Stage`."""

    @property
    @abstractmethod
    def further(self) -> tuple[str, ...]:
        """The names of the further arrays."""

    @abstractmethod
    def draw_further(self, rng: np.random.RandomState, rows: int) -> Sequence[np.ndarray]:
        """The further arrays, each with one entry per row."""


VALUELESS = ("Identity", "Invert", "AutoContrast", "Equalize")
RANGES = {"Posterize": (0, 8), "Solarize": (0, 256), "JPEG": (1, 101)}
UNCHANGING = {
    **dict.fromkeys(("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Hue", "SolarizeAdd"), 0),
    **dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 1),
    **{"Posterize": 8, "Solarize": 256},
}


@dataclass(frozen=True)
class Chance:
    """One operation that an image gets with probability `prob`, its value uniform in [low, high).

    Args:
        operation: a name of `operations.OPERATIONS`, such as "Rotate", whose value is in degrees, or "Invert".
        prob: in [0, 1]; 0 is off.
        low, high: low <= high, in the operation's unit: 0 to 8 bits that Posterize keeps, thresholds of Solarize in
            0..256, qualities of JPEG in 1..101, and for GaussianBlur 0 < low and high <= 28 pixels. Bits, levels of
            SolarizeAdd and qualities are rounded down. Invert, AutoContrast, Equalize and Identity have no value.

    Raises:
        TypeError, ValueError: values outside the above, or for an operation that has none, or those with which the
            operation changes nothing.
    """

    operation: str
    prob: float
    low: float = 0.0
    high: float = 0.0

    def __post_init__(self) -> None:
        choice("Chance", "operation", self.operation, tuple(OPERATIONS))
        number("Chance", "prob", self.prob, at_least=0, at_most=1)
        number("Chance", "high", self.high, at_least=number("Chance", "low", self.low))
        self._check_values()

    def _check_values(self) -> None:
        given = f"Chance: low={self.low!r}, high={self.high!r} for {self.operation}"
        if self.operation in VALUELESS and (self.low or self.high):
            raise ValueError(f"{given}, which has no value; leave low and high out")
        if self.prob and self.low == self.high == UNCHANGING.get(self.operation):
            raise ValueError(f"{given}, with which it changes nothing; give the values to draw from")
        least, most = RANGES.get(self.operation, (self.low, self.high))
        if not least <= self.low <= self.high <= most:
            raise ValueError(f"{given}; expected {least:g} <= low <= high <= {most:g}")
        if self.operation == "GaussianBlur" and not 0 < self.low <= self.high <= MOST_SIGMA:
            raise ValueError(
                f"{given}; expected 0 < low <= high <= {MOST_SIGMA:g}, which is as wide as DALI blurs on a GPU"
            )

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        """One layer with the operation's kernel; none if prob is 0."""
        return (kernels_of([self.operation]),) if self.prob else ()

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        """The operation for the rows that get it, and nothing for the others."""
        actions = Actions.none(rows)
        where = rng.random_sample(rows) < self.prob
        actions.put(where, self.operation, rng.uniform(self.low, self.high, rows), height, width)
        return [actions]


def check_stages(owner: str, stages: Any) -> None:
    """Raise TypeError for anything but a tuple of objects with the attributes of a `Stage`."""
    if not isinstance(stages, tuple):
        raise TypeError(f"{owner}: stages={stages!r}, expected a tuple")
    for stage in stages:
        if not isinstance(getattr(stage, "layers", None), tuple) or not callable(
            getattr(stage, "draw", None)
        ):
            raise TypeError(
                f"{owner}: stages has {stage!r}, expected objects with layers and draw, such as Chance"
            )
