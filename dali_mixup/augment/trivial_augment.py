"""TrivialAugmentWide (Müller and Hutter 2021, arXiv:2103.10158) with torchvision's laws. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dali_mixup.augment.levels_torchvision import Scale, values
from dali_mixup.augment.operations import Actions, Kernel, kernels_of

BINS = 31

SCALES: dict[str, Scale] = {
    "Identity": Scale("Identity"),
    "ShearX": Scale("ShearX", np.linspace(0, 0.99, BINS), signed=True),
    "ShearY": Scale("ShearY", np.linspace(0, 0.99, BINS), signed=True),
    "TranslateX": Scale("TranslateX", np.linspace(0, 32, BINS), signed=True, whole=True),
    "TranslateY": Scale("TranslateY", np.linspace(0, 32, BINS), signed=True, whole=True),
    "Rotate": Scale("Rotate", np.linspace(0, 135, BINS), signed=True),
    "Brightness": Scale("Brightness", np.linspace(0, 0.99, BINS), signed=True, around=1),
    "Color": Scale("Color", np.linspace(0, 0.99, BINS), signed=True, around=1),
    "Contrast": Scale("Contrast", np.linspace(0, 0.99, BINS), signed=True, around=1),
    "Sharpness": Scale("Sharpness", np.linspace(0, 0.99, BINS), signed=True, around=1),
    "Posterize": Scale("Posterize", 8 - np.round(np.arange(BINS) / ((BINS - 1) / 6))),
    "Solarize": Scale("Solarize", np.linspace(255, 0, BINS)),
    "AutoContrast": Scale("AutoContrast"),
    "Equalize": Scale("Equalize"),
}


@dataclass(frozen=True)
class TrivialAugmentWide:
    """One operation per image, all equally likely, at one of 31 equally likely strengths."""

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        return (kernels_of(scale.operation for scale in SCALES.values()),)

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        actions = Actions.none(rows)
        chosen, bins = rng.randint(len(SCALES), size=rows), rng.randint(BINS, size=rows)
        negative = rng.randint(2, size=rows) == 1
        for i, scale in enumerate(SCALES.values()):
            drawn = values(scale, bins, negative, height, width)
            actions.put(chosen == i, scale.operation, drawn, height, width)
        return [actions]
