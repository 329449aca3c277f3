"""AugMix (Hendrycks et al. 2020, arXiv:1912.02781) with the operations and strengths of timm, of torchvision and of its
authors. NumPy only."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dali_mixup._checks import boolean, integer, number
from dali_mixup.augment.chains import Chains
from dali_mixup.augment.levels_augmix import known_operations, random_operations
from dali_mixup.augment.levels_timm import LEVELS, magnitudes, signs
from dali_mixup.augment.levels_torchvision import Scale, ordinary, values
from dali_mixup.augment.operations import Actions, Kernel, kernels_of

TIMM = {
    name: LEVELS[name]
    for name in (
        *(
            "AutoContrast",
            "ColorIncreasing",
            "ContrastIncreasing",
            "BrightnessIncreasing",
            "SharpnessIncreasing",
        ),
        *("Equalize", "Rotate", "PosterizeIncreasing", "SolarizeIncreasing", "ShearX", "ShearY"),
    )
} | {
    # timm's create_transform shortens the shifts of AugMix to 0.3 of the image.
    "TranslateXRel": ("TranslateX", lambda f, sign, u, h, w: sign * 0.3 * f * w),
    "TranslateYRel": ("TranslateY", lambda f, sign, u, h, w: sign * 0.3 * f * h),
}


def _torchvision() -> dict[str, Scale]:
    scales = ordinary(BINS)
    del scales["Identity"], scales["Invert"]
    shift = np.linspace(0, 1 / 3, BINS)
    return scales | {
        "TranslateX": replace(scales["TranslateX"], bins=shift),
        "TranslateY": replace(scales["TranslateY"], bins=shift),
        "Posterize": replace(scales["Posterize"], bins=4 - np.round(np.arange(BINS) / ((BINS - 1) / 4))),
    }


BINS = 10
TORCHVISION = _torchvision()

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
OF_CHAINS = {
    "w": ("w, a whole number >= 1: the number of chains", r"w([0-9]+)"),
    "d": ("d, a whole number >= 1: operations of a chain; without it 1 to 3", r"d([0-9]+)"),
    "a": ("a, a number > 0: alpha of the weights", rf"a({_NUMBER})"),
}
SECTIONS = OF_CHAINS | {
    "m": ("m, a whole number: the magnitude", r"m([0-9]+)"),
    "b": ("b0 or b1, timm's two ways to the same sum", r"b([01])"),
    "mstd": (
        "mstd, a number: deviation of the magnitude; without it uniform from 0 to m",
        rf"mstd({_NUMBER})",
    ),
}
PAPER_SECTIONS = OF_CHAINS | {
    "s": ("s, a number from 0.1 to 10: the severity", rf"s({_NUMBER})"),
    "all": ("all: operations that overlap with ImageNet-C too", r"(all)"),
}


def _parts(text: str, sections: dict[str, tuple[str, str]]) -> dict[str, str]:
    """The values of the parts of a string after its first word."""
    found: dict[str, str] = {}
    for part in text.split("-")[1:]:
        hits = [(key, m[1]) for key, (_, form) in sections.items() if (m := re.fullmatch(form, part))]
        if not hits:
            known = "; ".join(help for help, _ in sections.values())
            raise ValueError(f"auto_augment={text!r}: the part {part!r} is not understood; expected {known}")
        key, value = hits[0]
        if key in found:
            raise ValueError(f"auto_augment={text!r}: {key} is given twice, the second time by {part!r}")
        found[key] = value
    return found


def _chains(found: dict[str, str]) -> dict[str, Any]:
    depth = int(found["d"]) if "d" in found else None
    return {"width": int(found.get("w", 3)), "depth": depth, "alpha": float(found.get("a", 1))}


@dataclass(frozen=True)
class AugMix(Chains):
    """timm's AugMix as its `create_transform` makes it: 13 operations with equal odds.

    timm's own sum is cut to whole grey levels twice, with b1 once for each chain; here it is once.

    Attributes:
        magnitude: >= 0, on timm's scale of 0..10.
        std: >= 0 (inf allowed), deviation of the magnitude; inf draws it uniformly from [0, magnitude].

    Raises:
        TypeError, ValueError: values outside the above.
    """

    magnitude: int = 3
    std: float = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("AugMix", "magnitude", self.magnitude, at_least=0)
        if self.std != math.inf:
            number("AugMix", "std", self.std, at_least=0)

    @classmethod
    def from_string(cls, text: str) -> AugMix:
        """From a string such as "augmix-m3-w3-d1", read more strictly than timm does.

        Raises:
            ValueError: naming the part that is not understood or comes twice.
        """
        found = _parts(text, SECTIONS)
        return cls(**_chains(found), magnitude=int(found.get("m", 3)), std=float(found.get("mstd", math.inf)))

    @property
    def kernels(self) -> frozenset[Kernel]:
        """As of `Chains`."""
        return kernels_of(operation for operation, _ in TIMM.values())

    def operations(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> Actions:
        """As of `Chains`."""
        actions, chosen = Actions.none(rows), rng.randint(len(TIMM), size=rows)
        fraction = magnitudes(rng, self.magnitude, self.std, 10, rows)
        sign, uniform = signs(rng, rows), rng.random_sample(rows)
        for i, (operation, level) in enumerate(TIMM.values()):
            actions.put(chosen == i, operation, level(fraction, sign, uniform, height, width), height, width)
        return actions


@dataclass(frozen=True)
class TorchvisionAugMix(Chains):
    """torchvision's AugMix with its defaults, all_ops among them: 13 operations with equal odds, each at one of the
    lowest `severity` of 10 strengths.

    Attributes:
        severity: 1 to 10.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    severity: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("TorchvisionAugMix", "severity", self.severity, at_least=1, at_most=10)

    @property
    def kernels(self) -> frozenset[Kernel]:
        """As of `Chains`."""
        return kernels_of(TORCHVISION)

    def operations(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> Actions:
        """As of `Chains`."""
        actions, chosen = Actions.none(rows), rng.randint(len(TORCHVISION), size=rows)
        bins, negative = rng.randint(self.severity, size=rows), rng.randint(2, size=rows) == 1
        for i, (name, scale) in enumerate(TORCHVISION.items()):
            drawn = values(scale, bins, negative, height, width)
            actions.put(chosen == i, name, drawn, height, width)
        return actions


@dataclass(frozen=True)
class PaperAugMix(Chains):
    """AugMix as its authors' code has it: 9 operations with equal odds, none of them like a corruption of ImageNet-C,
    on which models may then be tested.

    Attributes:
        severity: 0.1 to 10: 3 for CIFAR, 1 for ImageNet.
        all_ops: colours, contrast, brightness and sharpness too, as timm and torchvision have them.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    severity: float = 3.0
    all_ops: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        number("PaperAugMix", "severity", self.severity, at_least=0.1, at_most=10)
        boolean("PaperAugMix", "all_ops", self.all_ops)

    @classmethod
    def from_string(cls, text: str) -> PaperAugMix:
        """From a string such as "augmix_paper-s3".

        Raises:
            ValueError: naming the part that is not understood or comes twice.
        """
        found = _parts(text, PAPER_SECTIONS)
        return cls(**_chains(found), severity=float(found.get("s", 3)), all_ops="all" in found)

    @property
    def kernels(self) -> frozenset[Kernel]:
        """As of `Chains`."""
        return kernels_of(known_operations(self.all_ops))

    def operations(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> Actions:
        """As of `Chains`."""
        return random_operations(rng, rows, height, width, self.severity, self.all_ops)
