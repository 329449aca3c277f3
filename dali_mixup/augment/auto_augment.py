"""AutoAugment (Cubuk et al. 2018, arXiv:1805.09501) with timm's policies and laws, and DeiT-III's 3-Augment.

A policy is a list of sub-policies, of which an image draws one; each of its operations is applied with a probability
of its own. NumPy only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from dali_mixup._checks import choice, number
from dali_mixup.augment.levels_timm import LEVELS, signs
from dali_mixup.augment.operations import Actions, Kernel, kernels_of
from dali_mixup.augment.policies import TIMM


@dataclass(frozen=True)
class AutoAugment:
    """timm's AutoAugment, and its "3a": solarise at 128, greyscale or blur, DeiT-III's 3-Augment (Touvron et al. 2022,
    arXiv:2204.07118, section 3.2).

    Attributes:
        policy: "original", "originalr", "v0", "v0r" or "3a".
        std: >= 0, deviation of the magnitudes.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    policy: str
    std: float = 0.0

    def __post_init__(self) -> None:
        choice("AutoAugment", "policy", self.policy, tuple(TIMM))
        number("AutoAugment", "std", self.std, at_least=0)

    @classmethod
    def from_string(cls, text: str) -> AutoAugment:
        """From "original", "v0-mstd0.5" and similar strings.

        Raises:
            ValueError: naming the part that is not understood.
        """
        policy, *parts = text.split("-")
        std = 0.0
        for part in parts:
            match = re.fullmatch(r"mstd([0-9]+(?:\.[0-9]+)?)", part)
            if match is None or len(parts) > 1:
                raise ValueError(
                    f"auto_augment={text!r}: the part {part!r} is not understood after {policy!r}; expected nothing, "
                    "or mstd and a number once"
                )
            std = float(match[1])
        return cls(policy, std)

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        deep = max(map(len, TIMM[self.policy]))
        return tuple(
            kernels_of(LEVELS[sub[i][0]][0] for sub in TIMM[self.policy] if i < len(sub)) for i in range(deep)
        )

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        policy = TIMM[self.policy]
        chosen = rng.randint(len(policy), size=rows)
        layers = []
        for layer in range(len(self.layers)):
            actions = Actions.none(rows)
            uniform, sign, shade = rng.random_sample(rows), signs(rng, rows), rng.random_sample(rows)
            noise = rng.standard_normal(rows)
            for i, sub in enumerate(policy):
                if layer < len(sub):
                    name, prob, magnitude = sub[layer]
                    operation, level = LEVELS[name]
                    fraction = np.clip(magnitude + self.std * noise, 0, 10) / 10
                    drawn = level(fraction, sign, shade, height, width)
                    actions.put((chosen == i) & (uniform < prob), operation, drawn, height, width)
            layers.append(actions)
        return layers
