"""The training that most claims share: a perceptron on few digits, so that it can overfit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from torch import nn

from benchmarks.claims.arms import Arm, Loss, See, cross_entropy, sgd, train
from benchmarks.claims.claim import Arms, Axes, Curve
from benchmarks.claims.digits import Digits, split
from benchmarks.claims.evaluation import ece, error, nll, outputs
from benchmarks.claims.networks import Perceptron
from dali_mixup._loader.loader import MixLoader

SCORES = {"test error": "%", "NLL": "nats", "ECE": "of 1"}

BY_EPOCH = "test error over epochs"
ERROR_BY_EPOCH = {BY_EPOCH: Axes("epoch", "test error, %", log=True)}
"""`Claim.curves` of claims that record `ErrorCurves`."""

EachEpoch = Callable[[int], None]
"""Called with the number of epochs passed, 1 after the first."""


@dataclass(frozen=True)
class Training:
    """SGD with momentum 0.9 and a cosine schedule; all arms of a seed have the same data and first weights.

    Args:
        train: digits to train on; 797 others are for testing.
        epochs, batch_size, lr, weight_decay: settings of the optimiser.
        widths: widths of the hidden layers.
    """

    train: int = 200
    epochs: int = 150
    batch_size: int = 50
    lr: float = 0.05
    weight_decay: float = 5e-4
    widths: tuple[int, ...] = (256, 256, 256)

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.train // self.batch_size)

    def split(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The digits to train and to test on."""
        return split(seed, self.train)

    def network(self, seed: int, batch_norm: bool = False) -> Perceptron:
        return Perceptron(self.widths, seed, batch_norm)

    def arm(self, model: nn.Module, see: See, loss: Loss = cross_entropy) -> Arm:
        """An arm with the common optimiser."""
        return Arm(
            model,
            see,
            *sgd(model, self.epochs * self.steps_per_epoch, self.lr, self.weight_decay),
            loss,
        )

    def fit(
        self, loader: MixLoader, arms: Mapping[str, Arm], each_epoch: EachEpoch = lambda passed: None
    ) -> None:
        """Train the arms of one stream to the end."""
        for epoch in train(loader, list(arms.values()), self.epochs):
            each_epoch(epoch + 1)


def scores(arms: Mapping[str, Arm], digits: Digits, test: np.ndarray) -> Arms:
    """Error, NLL and ECE of every arm's network on the test digits."""
    labels = digits.labels[test]
    found: Arms = {}
    for name, arm in arms.items():
        logits = outputs(arm.model, digits.images[test])
        found[name] = {
            "test error": error(logits, labels),
            "NLL": nll(logits, labels),
            "ECE": ece(logits, labels),
        }
    return found


class ErrorCurves:
    """Records the test error of arms in training, as `Training.fit`'s `each_epoch`.

    Args:
        every: epochs between two points.

    Attributes:
        curves: arm -> (epochs, test error in %).
    """

    def __init__(self, arms: Mapping[str, Arm], digits: Digits, test: np.ndarray, every: int = 5) -> None:
        self._arms, self._every = arms, every
        self._images, self._labels = digits.images[test], digits.labels[test]
        self.curves = {name: Curve([], []) for name in arms}

    def __call__(self, passed: int) -> None:
        if passed % self._every:
            return
        for name, arm in self._arms.items():
            self.curves[name].x.append(passed)
            self.curves[name].y.append(error(outputs(arm.model, self._images), self._labels))
