"""Zhang et al. 2018, section 3.6: mixup improves the test error on tables of the UCI repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, nll
from benchmarks.claims.zhang.rows import Fit, Task, parts
from dali_mixup import MixPolicy, MixUp
from dali_mixup.losses import soft_cross_entropy

Load = Callable[[], tuple[np.ndarray, np.ndarray]]
ALL = "mean of sets"


@dataclass(frozen=True)
class Tabular(Claim):
    """Perceptrons with two hidden layers of 128 units, Adam, lam per batch, on the tables that scikit-learn and river
    carry; iris and phishing are among the paper's six. Half of the rows are to train on, a fifth chooses the epoch.

    Args:
        sets: some of `SETS`.
        alphas: mixup's alphas.
        rows: rows of a set that are used at most.
    """

    fit: Fit = field(default_factory=Fit)
    sets: tuple[str, ...] = ("iris", "phishing", "wine", "breast cancer", "segments", "bananas")
    alphas: tuple[float, ...] = (0.2, 1.0)
    rows: int = 1250

    name: ClassVar[str] = "tabular"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, section 3.6"
    statement: ClassVar[str] = "mixup lowers the test error on tables, too"
    metrics: ClassVar[Mapping[str, str]] = {
        "last test error": "%, after training",
        "stopped test error": "%, at the epoch of the lowest validation loss",
    }
    curves: ClassVar[Mapping[str, Axes]] = {ALL: Axes("epoch", "test error, %")}

    @property
    def directions(self) -> tuple[Direction, ...]:
        alpha = min(self.alphas)
        erm, ours = named(ALL), named(ALL, alpha)
        return (
            Direction(
                "last test error",
                erm,
                ours,
                0.0,
                says=f"over {len(self.sets)} tables mixup lowers the mean error at the end of training",
            ),
            Direction(
                "stopped test error",
                erm,
                ours,
                0.0,
                says=f"over {len(self.sets)} tables mixup lowers the mean error of networks stopped early",
            ),
            *(Direction("stopped test error", named(one), named(one, alpha), 0.0) for one in self.sets),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        found: Arms = {}
        policies = {None: None} | {alpha: MixPolicy(MixUp(alpha)) for alpha in self.alphas}
        errors: dict[str, list[list[float]]] = {named(ALL, alpha): [] for alpha in policies}
        for one in self.sets:
            x, y = SETS[one]()
            classes = int(y.max()) + 1
            data = parts(x, y, seed, self.rows)
            task = Task(classes, classes, soft_cross_entropy, nll, error)
            for alpha, policy in policies.items():
                history = self.fit(data, task, policy, seed)
                found[named(one, alpha)] = {
                    "last test error": history.last,
                    "stopped test error": history.stopped,
                }
                errors[named(ALL, alpha)].append(history.scores)
        for alpha in policies:
            of_sets = [found[named(one, alpha)] for one in self.sets]
            found[named(ALL, alpha)] = {
                metric: float(np.mean([one[metric] for one in of_sets])) for metric in self.metrics
            }
        epochs = [float(epoch + 1) for epoch in range(self.fit.epochs)]
        curves = {
            arm.removeprefix(f"{ALL} "): Curve(epochs, np.mean(each, axis=0).tolist())
            for arm, each in errors.items()
        }
        return Measured(found, {ALL: curves})


def named(one: str, alpha: float | None = None) -> str:
    """An arm's name; alpha None: ERM."""
    return f"{one} ERM" if alpha is None else f"{one} alpha={alpha:g}"


def of_sklearn(name: str) -> Load:
    """A set of scikit-learn."""

    def load() -> tuple[np.ndarray, np.ndarray]:
        from sklearn import datasets

        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return x, y.astype(np.int64)

    return load


def of_river(name: str) -> Load:
    """A set of river, whose columns are all numbers; ModuleNotFoundError without river, for Python 3.11 or later."""

    def load() -> tuple[np.ndarray, np.ndarray]:
        from river import datasets

        features, labels = zip(*getattr(datasets, name)(), strict=True)
        x = np.array([list(row.values()) for row in features], dtype=np.float64)
        return x, np.unique(labels, return_inverse=True)[1].astype(np.int64)

    return load


SETS: Mapping[str, Load] = {
    "iris": of_sklearn("iris"),
    "phishing": of_river("Phishing"),
    "wine": of_sklearn("wine"),
    "breast cancer": of_sklearn("breast_cancer"),
    "segments": of_river("ImageSegments"),
    "bananas": of_river("Bananas"),
}
"""Name -> loader of (N, D) numbers and (N,) classes."""
