"""torchvision's AutoAugment (Cubuk et al. 2018, arXiv:1805.09501) and RandAugment (Cubuk et al. 2019,
arXiv:1909.13719), as its reference scripts use them. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dali_mixup._checks import choice
from dali_mixup.augment.levels_torchvision import ordinary, values
from dali_mixup.augment.operations import Actions, Kernel, kernels_of
from dali_mixup.augment.policies import TORCHVISION

COUNT, MAGNITUDE = 2, 9
AUTO, RAND = ordinary(10), ordinary(31)
del RAND["Invert"]  # no operation of RandAugment


@dataclass(frozen=True)
class TorchvisionAutoAugment:
    """An image draws one of 25 sub-policies, whose two operations are applied with probabilities of their own.
    "imagenet" is timm's "original" at other strengths.

    Attributes:
        policy: "imagenet", "cifar10" or "svhn".

    Raises:
        ValueError: another policy.
    """

    policy: str = "imagenet"

    def __post_init__(self) -> None:
        choice("TorchvisionAutoAugment", "policy", self.policy, tuple(TORCHVISION))

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        return tuple(kernels_of(sub[i][0] for sub in TORCHVISION[self.policy]) for i in range(2))

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        policy = TORCHVISION[self.policy]
        chosen = rng.randint(len(policy), size=rows)
        layers = []
        for layer in range(2):
            actions = Actions.none(rows)
            uniform, negative = rng.random_sample(rows), rng.randint(2, size=rows) == 1
            for i, sub in enumerate(policy):
                name, prob, magnitude = sub[layer]
                drawn = values(AUTO[name], np.full(rows, magnitude), negative, height, width)
                actions.put((chosen == i) & (uniform < prob), name, drawn, height, width)
            layers.append(actions)
        return layers


@dataclass(frozen=True)
class TorchvisionRandAugment:
    """Two operations per image, each any of 14 with equal probability, at the strength 9 of 0..30. timm's "rand-m9" has
    other operations and leaves out half of them."""

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        return (kernels_of(RAND),) * COUNT

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        layers = []
        for _ in range(COUNT):
            actions = Actions.none(rows)
            chosen, negative = rng.randint(len(RAND), size=rows), rng.randint(2, size=rows) == 1
            for i, (name, scale) in enumerate(RAND.items()):
                drawn = values(scale, np.full(rows, MAGNITUDE), negative, height, width)
                actions.put(chosen == i, name, drawn, height, width)
            layers.append(actions)
        return layers
