"""The operations and strengths of AugMix's authors, which PixMix's took over: severity n is a level uniform in [0.1, n]
on a scale of 10. NumPy only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dali_mixup.augment.operations import Actions

Strength = Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]
"""The values of an operation for levels / 10 and signs, (N,) both, and images of this height and width."""


def _none(level: np.ndarray, sign: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.zeros_like(level)


def _shear(level: np.ndarray, sign: np.ndarray, height: int, width: int) -> np.ndarray:
    return sign * 0.3 * level


def _factor(level: np.ndarray, sign: np.ndarray, height: int, width: int) -> np.ndarray:
    return 1.8 * level + 0.1


OPERATIONS: dict[str, Strength] = {
    "AutoContrast": _none,
    "Equalize": _none,
    "Posterize": lambda level, sign, h, w: 4 - np.floor(4 * level),
    "Rotate": lambda level, sign, h, w: sign * np.floor(30 * level),
    "Solarize": lambda level, sign, h, w: 256 - np.floor(256 * level),
    "ShearX": _shear,
    "ShearY": _shear,
    "TranslateX": lambda level, sign, h, w: sign * np.floor(w / 3 * level),
    "TranslateY": lambda level, sign, h, w: sign * np.floor(h / 3 * level),
}
OVERLAPPING = dict.fromkeys(("Color", "Contrast", "Brightness", "Sharpness"), _factor)
"""Operations that are like corruptions of ImageNet-C, on which the authors test."""


def known_operations(all_ops: bool) -> dict[str, Strength]:
    """The operations to choose from; with `all_ops` those that overlap with ImageNet-C too."""
    return OPERATIONS | (OVERLAPPING if all_ops else {})


def random_operations(
    rng: np.random.RandomState, rows: int, height: int, width: int, severity: float, all_ops: bool
) -> Actions:
    """One operation for each image, all with equal odds.

    Args:
        severity: n >= 0.1.
        all_ops: as of `known_operations`.
    """
    known = known_operations(all_ops)
    actions, chosen = Actions.none(rows), rng.randint(len(known), size=rows)
    level = rng.uniform(0.1, severity, rows) / 10
    sign = np.where(rng.random_sample(rows) > 0.5, -1.0, 1.0)
    for i, (name, strength) in enumerate(known.items()):
        actions.put(chosen == i, name, strength(level, sign, height, width), height, width)
    return actions
