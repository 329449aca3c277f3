"""torchvision's scales: the strengths of an operation as a table of bins. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Scale:
    """One operation's strengths.

    Attributes:
        operation: a name of `operations.OPERATIONS`.
        bins: the strengths to choose from; None for an operation without one.
        signed: whether the strength is negated half of the time.
        around: added after that; 1 where the value is a factor whose neutral value is 1.
        whole: whether the value is truncated to a whole number.
        of: the side of the image of which the bins are shares; None: they are values.
    """

    operation: str
    bins: np.ndarray | None = None
    signed: bool = False
    around: float = 0.0
    whole: bool = False
    of: Literal["height", "width"] | None = None


def values(scale: Scale, bins: np.ndarray, negative: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N,) values for the bin numbers and signs that N images of this size drew."""
    if scale.bins is None:
        return np.zeros(len(bins))
    chosen = scale.bins[bins]
    if scale.of is not None:
        chosen = chosen * (height if scale.of == "height" else width)
    if scale.signed:
        chosen = np.where(negative, -chosen, chosen)
    return scale.around + (np.trunc(chosen) if scale.whole else chosen)


def ordinary(count: int) -> dict[str, Scale]:
    """The `count` strengths of each operation in torchvision's AutoAugment and RandAugment, `_augmentation_space`
    there, by operation."""
    shift = np.linspace(0, 150 / 331, count)
    factors = {
        name: Scale(name, np.linspace(0, 0.9, count), signed=True, around=1)
        for name in ("Brightness", "Color", "Contrast", "Sharpness")
    }
    return {
        "Identity": Scale("Identity"),
        "ShearX": Scale("ShearX", np.linspace(0, 0.3, count), signed=True),
        "ShearY": Scale("ShearY", np.linspace(0, 0.3, count), signed=True),
        "TranslateX": Scale("TranslateX", shift, signed=True, whole=True, of="width"),
        "TranslateY": Scale("TranslateY", shift, signed=True, whole=True, of="height"),
        "Rotate": Scale("Rotate", np.linspace(0, 30, count), signed=True),
        **factors,
        "Posterize": Scale("Posterize", 8 - np.round(np.arange(count) / ((count - 1) / 4))),
        "Solarize": Scale("Solarize", np.linspace(255, 0, count)),
        "AutoContrast": Scale("AutoContrast"),
        "Equalize": Scale("Equalize"),
        "Invert": Scale("Invert"),
    }
