"""Photometric distortion (Liu et al. 2016, SSD, arXiv:1512.02325, as Howard 2013, arXiv:1312.5402): colours distorted
in several ways, each by chance. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup._checks import number
from dali_mixup.augment.operations import OPERATIONS, Actions, Kernel

IDENTITY = np.eye(3, 4)
MOST_FACTOR = 1000.0


@dataclass(frozen=True)
class PhotometricDistort:
    """torchvision's RandomPhotometricDistort: brightness, contrast, saturation, hue, contrast, the channels in another
    order; each with probability `prob`. Contrast comes at one of its two places, with equal probability.

    Args:
        brightness, contrast, saturation: (low, high), 0 <= low <= high <= 1000, of a factor, uniform.
        hue: (low, high), -0.5 <= low <= high <= 0.5, turns, uniform.
        prob: in [0, 1].

    Raises:
        TypeError, ValueError: values outside the above.
    """

    brightness: tuple[float, float] = (0.875, 1.125)
    contrast: tuple[float, float] = (0.5, 1.5)
    saturation: tuple[float, float] = (0.5, 1.5)
    hue: tuple[float, float] = (-0.05, 0.05)
    prob: float = 0.5

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            object.__setattr__(self, name, _bounds(name, getattr(self, name), 0.0, MOST_FACTOR))
        object.__setattr__(self, "hue", _bounds("hue", self.hue, -0.5, 0.5))
        object.__setattr__(
            self, "prob", number("PhotometricDistort", "prob", self.prob, at_least=0, at_most=1)
        )

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        """Brightness, contrast, saturation and hue, contrast, channels; none if prob is 0."""
        kernels = (Kernel.BRIGHTNESS, Kernel.CONTRAST, Kernel.COLOUR, Kernel.CONTRAST, Kernel.COLOUR)
        return tuple(frozenset({kernel}) for kernel in kernels) if self.prob else ()

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        """Saturation and hue are one matrix, which differs from two by what clipping between them does. A permutation
        is part of it too, unless contrast comes between, which changes nothing."""
        brighter, contrasted, saturated, turned, permuted = rng.random_sample((5, rows)) < self.prob
        brightness_by, contrast_by, saturation_by, turns = (
            rng.uniform(low, high, rows)
            for low, high in (self.brightness, self.contrast, self.saturation, self.hue)
        )
        early = rng.random_sample(rows) < 0.5
        orders = rng.random_sample((rows, 3)).argsort(axis=1)

        brightness, before, colours, after, channels = (Actions.none(rows) for _ in self.layers)
        brightness.put(brighter, "Brightness", brightness_by, height, width)
        before.put(contrasted & early, "Contrast", contrast_by, height, width)
        after.put(contrasted & ~early, "Contrast", contrast_by, height, width)
        matrices = np.tile(IDENTITY, (rows, 1, 1))
        for where, operation, values in (
            (saturated, "Color", saturation_by),
            (turned, "Hue", turns),
        ):
            _, matrix = OPERATIONS[operation]
            assert matrix is not None
            matrices[where] = _after(matrix(values[where], height, width), matrices[where])
        permutations = np.concatenate([np.eye(3)[orders], np.zeros((rows, 3, 1))], axis=2)
        last = permuted & contrasted & ~early
        matrices[permuted & ~last] = _after(permutations[permuted & ~last], matrices[permuted & ~last])
        _put_matrices(colours, saturated | turned | (permuted & ~last), matrices)
        _put_matrices(channels, last, permutations)
        return [brightness, before, colours, after, channels]


def _after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(N, 3, 4) the affine maps [M T] of `first` and then `second`."""
    made = second[..., :3] @ first
    made[..., 3] += second[..., 3]
    return made


def _put_matrices(actions: Actions, where: np.ndarray, matrices: np.ndarray) -> None:
    actions.kernel[where] = Kernel.COLOUR
    actions.colour[where] = matrices[where]


def _bounds(name: str, given: Any, least: float, most: float | None) -> tuple[float, float]:
    owner = "PhotometricDistort"
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise TypeError(f"{owner}: {name}={given!r}, expected (low, high)")
    low = number(owner, f"{name}[0]", given[0], at_least=least, at_most=most)
    return low, number(owner, f"{name}[1]", given[1], at_least=low, at_most=most)
