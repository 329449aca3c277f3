"""Zhang et al. 2018, discussion: mixup for regression. Beside it C-Mixup, whose partners have similar values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Curves, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.zhang.rows import Fit, History, Task, best_of, parts
from dali_mixup import LabelDistance, MixPolicy, MixUp

LAST, STOPPED = "last RMSE", "stopped RMSE"
UNIT = "% of the target's standard deviation"
ERM, DECAY, MIXUP, CMIXUP = "ERM", "ERM, decay", "mixup", "C-Mixup"


@dataclass(frozen=True)
class Regression(Claim):
    """Perceptrons with two hidden layers of 128 units, Adam, squared error; lam per batch. The validation rows choose
    the epoch of "stopped RMSE", in all arms alike; in "ERM, decay" also one of several weight decays, in "C-Mixup" one
    of as many bandwidths.

    Args:
        sets: some of `SETS`: scikit-learn's diabetes, 442 rows, and Friedman's first function of 5 of 10 uniform
            numbers (1991), drawn by the seed, 500 rows, without noise or with noise of standard deviation 5.
        alpha: mixup's alpha.
        decays: weight decays to choose from.
        bandwidths: C-Mixup's bandwidths to choose from, in standard deviations of the target.
    """

    fit: Fit = field(default_factory=lambda: Fit(epochs=100))
    sets: tuple[str, ...] = ("diabetes", "Friedman", "Friedman, noise")
    alpha: float = 2.0
    decays: tuple[float, ...] = (0.1, 1.0, 10.0)
    bandwidths: tuple[float, ...] = (0.1, 0.3, 1.0)

    name: ClassVar[str] = "regression"
    source: ClassVar[str] = (
        "Zhang et al. 2018, arXiv 1710.09412, discussion; Yao et al. 2022, arXiv 2210.05775"
    )
    statement: ClassVar[str] = (
        "mixup applies to regression; partners with similar values are better (C-Mixup)"
    )
    metrics: ClassVar[Mapping[str, str]] = {LAST: f"in {UNIT}", STOPPED: f"in {UNIT}, best validation epoch"}
    curves: ClassVar[Mapping[str, Axes]] = {
        "diabetes": Axes("epoch", f"RMSE, {UNIT}"),
        "Friedman": Axes("epoch", f"RMSE, {UNIT}"),
        "Friedman, noise": Axes("epoch", f"RMSE, {UNIT}"),
    }

    @property
    def directions(self) -> tuple[Direction, ...]:
        found = []
        for one in self.sets:
            erm, decay, mixup, c_mixup = (f"{one}: {arm}" for arm in (ERM, DECAY, MIXUP, CMIXUP))
            real = one == "diabetes"
            found += [
                Direction(
                    LAST, erm, mixup, 1.0, says=_says(real, "mixup lowers the RMSE of a long training")
                ),
                Direction(
                    STOPPED, erm, mixup, 0.0, says=_says(real, "mixup lowers the RMSE of stopped networks")
                ),
                Direction(STOPPED, decay, mixup, 0.0),
                Direction(
                    STOPPED, mixup, c_mixup, 0.0, says=_says(real, "C-Mixup has a lower RMSE than mixup")
                ),
            ]
        return tuple(found)

    def measure(self, seed: int, digits: Digits) -> Measured:
        found: Arms = {}
        curves: Curves = {}
        for one in self.sets:
            histories = self._histories(one, seed)
            found |= {
                f"{one}: {arm}": {LAST: history.last, STOPPED: history.stopped}
                for arm, history in histories.items()
            }
            epochs = [float(epoch + 1) for epoch in range(self.fit.epochs)]
            curves[one] = {arm: Curve(epochs, history.scores) for arm, history in histories.items()}
        return Measured(found, curves)

    def _histories(self, one: str, seed: int) -> dict[str, History]:
        """Arm -> history."""
        data = parts(*SETS[one](seed), seed)
        spread = float(data.test.y.std())

        def score(predicted: Tensor, y: Tensor) -> float:
            return 100.0 * rmse(predicted, y) / spread

        task = Task(1, None, F.mse_loss, rmse, score)

        def tried(policy: MixPolicy | None, decay: float = 0.0) -> History:
            return self.fit(data, task, policy, seed, decay)

        method = MixUp(self.alpha)
        near = (MixPolicy(method, partners=LabelDistance(bandwidth)) for bandwidth in self.bandwidths)
        return {
            ERM: tried(None),
            DECAY: best_of([tried(None, decay) for decay in self.decays]),
            MIXUP: tried(MixPolicy(method)),
            CMIXUP: best_of([tried(policy) for policy in near]),
        }


def rmse(predicted: Tensor, y: Tensor) -> float:
    """Root of the mean squared error."""
    return float(F.mse_loss(predicted.double(), y.double()).sqrt())


def _says(said: bool, sentence: str) -> str:
    return sentence if said else ""


Draw = Callable[[int], tuple[np.ndarray, np.ndarray]]


def diabetes(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for all seeds."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return x, y


def friedman(noise: float) -> Draw:
    def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
        from sklearn.datasets import make_friedman1

        x, y = make_friedman1(n_samples=500, noise=noise, random_state=seed)
        return x, y

    return draw


SETS: Mapping[str, Draw] = {
    "diabetes": diabetes,
    "Friedman": friedman(0.0),
    "Friedman, noise": friedman(5.0),
}
"""Name -> (N, D) numbers and (N,) values, by the seed."""
