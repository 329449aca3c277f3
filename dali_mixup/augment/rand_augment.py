"""RandAugment (Cubuk et al. 2019, arXiv:1909.13719) from timm's configuration strings, with timm's laws. NumPy only."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from dali_mixup._checks import choice, integer, number
from dali_mixup.augment.levels_timm import LEVELS, magnitudes, signs
from dali_mixup.augment.operations import MOST_OPERATIONS, Actions, Kernel, kernels_of

_GEOMETRY = ("ShearX", "ShearY", "TranslateXRel", "TranslateYRel")
PLAIN = (
    *("AutoContrast", "Equalize", "Invert", "Rotate", "Posterize", "Solarize", "SolarizeAdd"),
    *("Color", "Contrast", "Brightness", "Sharpness", *_GEOMETRY),
)
INCREASING = tuple(
    name + "Increasing"
    if name in ("Posterize", "Solarize", "Color", "Contrast", "Brightness", "Sharpness")
    else name
    for name in PLAIN
)
THREE = ("SolarizeIncreasing", "Desaturate", "GaussianBlur")
WEIGHTS = {
    "Rotate": 3.0,
    **{"ShearX": 2.0, "ShearY": 2.0, "TranslateXRel": 1.0, "TranslateYRel": 1.0},
    **dict.fromkeys(("ColorIncreasing", "SharpnessIncreasing", "AutoContrast"), 0.25),
    **dict.fromkeys(("SolarizeIncreasing", "SolarizeAdd", "ContrastIncreasing"), 0.05),
    **dict.fromkeys(("BrightnessIncreasing", "Equalize", "PosterizeIncreasing", "Invert"), 0.05),
}
THREE_WEIGHTED = {
    **dict.fromkeys(THREE, 6.0),
    **{"Rotate": 3.0, "ShearX": 2.0, "ShearY": 2.0},
    **dict.fromkeys(("PosterizeIncreasing", "AutoContrast", "ColorIncreasing", "SharpnessIncreasing"), 1.0),
    **dict.fromkeys(("ContrastIncreasing", "BrightnessIncreasing", "Equalize", "Invert"), 1.0),
}

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
SECTIONS = {
    "m": ("m, a whole number: the magnitude", r"m([0-9]+)"),
    "n": ("n, a whole number >= 1: operations per image", r"n([0-9]+)"),
    "p": ("p, a number in [0, 1]: the probability that each operation is applied", rf"p({_NUMBER})"),
    "mstd": ("mstd, a number: deviation of the magnitude, over 100 for a uniform one", rf"mstd({_NUMBER})"),
    "mmax": ("mmax, a whole number >= 1: the largest magnitude", r"mmax([0-9]+)"),
    "inc": ("inc0 or inc1: operations whose strength grows with the magnitude", r"inc([01])"),
    "t": ("tweights, t3a or t3aw: another set of operations", r"t(weights|3aw|3a)"),
}


@dataclass(frozen=True)
class RandAugment:
    """`count` operations per image, each chosen at random and applied with probability `prob`.

    Attributes:
        magnitude: >= 0, on timm's scale of 0..10.
        std: >= 0 (inf allowed), of the magnitude; inf draws it uniformly from [0, magnitude].
        highest: >= 1, larger magnitudes are clipped to it.
        count: operations per image, >= 1.
        prob: in [0, 1]. timm's 0.5 applies unless a string sets another: half of the operations are left out.
        increasing: the set of operations whose strength grows with the magnitude.
        operations: "" for that set, or "weights", "3a", "3aw".

    Raises:
        TypeError, ValueError: values outside the above.
    """

    magnitude: int = 10
    std: float = 0.0
    highest: int = 10
    count: int = 2
    prob: float = 0.5
    increasing: bool = False
    operations: str = ""

    def __post_init__(self) -> None:
        integer("RandAugment", "magnitude", self.magnitude, at_least=0)
        if self.std != math.inf:
            number("RandAugment", "std", self.std, at_least=0)
        integer("RandAugment", "highest", self.highest, at_least=1)
        choice("RandAugment", "operations", self.operations, ("", "weights", "3a", "3aw"))
        # Weighted choice is without replacement, so the number of different operations is limited.
        most = len(self.names) if self.weights is not None else MOST_OPERATIONS
        integer("RandAugment", "count", self.count, at_least=1, at_most=most)
        number("RandAugment", "prob", self.prob, at_least=0, at_most=1)

    @classmethod
    def from_string(cls, text: str) -> RandAugment:
        """From a string such as "rand-m9-mstd0.5-inc1", read more strictly than timm does.

        Raises:
            ValueError: naming the part that is not understood or comes twice.
        """
        first, *parts = text.split("-")
        if first != "rand":
            raise ValueError(f"auto_augment={text!r}: expected it to begin with 'rand-', not {first!r}")
        found: dict[str, str] = {}
        for part in parts:
            hits = [(key, m[1]) for key, (_, form) in SECTIONS.items() if (m := re.fullmatch(form, part))]
            if not hits:
                known = "; ".join(help for help, _ in SECTIONS.values())
                raise ValueError(
                    f"auto_augment={text!r}: the part {part!r} is not understood; expected {known}"
                )
            key, value = hits[0]
            if key in found:
                raise ValueError(f"auto_augment={text!r}: {key} is given twice, the second time by {part!r}")
            found[key] = value
        std = float(found.get("mstd", 0))
        return cls(
            magnitude=int(found.get("m", 10)),
            std=math.inf if std > 100 else std,
            highest=int(found.get("mmax", 10)),
            count=int(found.get("n", 2)),
            prob=float(found.get("p", 0.5)),
            increasing=found.get("inc", "0") == "1",
            operations=found.get("t", ""),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """timm's names of the operations to choose from."""
        sets = {"weights": tuple(WEIGHTS), "3a": THREE, "3aw": tuple(THREE_WEIGHTED)}
        return sets.get(self.operations, INCREASING if self.increasing else PLAIN)

    @property
    def weights(self) -> tuple[float, ...] | None:
        """Chances of the operations, up to a factor; None: all the same."""
        tables = {"weights": WEIGHTS, "3aw": THREE_WEIGHTED}
        return tuple(tables[self.operations].values()) if self.operations in tables else None

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        return (kernels_of(LEVELS[name][0] for name in self.names),) * self.count

    def choices(self, rng: np.random.RandomState, rows: int) -> np.ndarray:
        """(rows, count) indices into `names`: with replacement if all have the same chance, else without."""
        if self.weights is None:
            return rng.randint(len(self.names), size=(rows, self.count))
        # The largest of log w + Gumbel noise, in falling order, are a weighted draw without replacement (Vieira 2014).
        keys = np.log(self.weights) + rng.gumbel(size=(rows, len(self.names)))
        return np.argsort(-keys, axis=1)[:, : self.count]

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        layers = []
        for chosen in self.choices(rng, rows).T:
            actions = Actions.none(rows)
            applied = rng.random_sample(rows) < self.prob
            fraction = magnitudes(rng, self.magnitude, self.std, self.highest, rows)
            sign, uniform = signs(rng, rows), rng.random_sample(rows)
            for i, name in enumerate(self.names):
                operation, level = LEVELS[name]
                values = level(fraction, sign, uniform, height, width)
                actions.put(applied & (chosen == i), operation, values, height, width)
            layers.append(actions)
        return layers
