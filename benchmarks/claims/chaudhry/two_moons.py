"""Verma et al. 2019, figure 1: interpolation consistency on two moons with few labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from sklearn.datasets import make_moons
from torch import Tensor
from torch.nn import functional as F

from benchmarks.claims.arms import adam
from benchmarks.claims.chaudhry.pupils import (
    CURVES,
    SCORES,
    History,
    Unsupervised,
    agreement,
    interpolation,
    joined,
)
from benchmarks.claims.claim import Axes, Claim, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.networks import fully_connected
from dali_mixup import MixPolicy, MixUp, latent
from dali_mixup.losses import soft_cross_entropy


@dataclass(frozen=True)
class TwoMoons(Claim):
    """Two half circles in the plane, few points of each with labels and many without: scikit-learn's `make_moons`,
    standardised.

    Args:
        labels: labelled points of each class.
        unlabelled, test: points, half of each class.
        noise: standard deviation of the points around the half circles, whose radius is 1.
        widths: of the hidden layers.
        steps, batch_size, lr: of Adam; a batch is of unlabelled points, the labelled ones are in every step.
        weight: the unsupervised loss's, after a ramp of a quarter of the steps.
        jitter: standard deviation of the mean teacher's noise.
        alpha: of the mixtures' Beta or Dirichlet law.
        ks: numbers of unlabelled points in a mixture.
        early: steps after which errors count as early.
        every: steps between the points of a curve.
    """

    labels: int = 3
    unlabelled: int = 1000
    test: int = 1000
    noise: float = 0.1
    widths: tuple[int, ...] = (64, 64, 64)
    steps: int = 1000
    batch_size: int = 100
    lr: float = 1e-3
    weight: float = 10.0
    jitter: float = 0.3
    alpha: float = 0.1
    ks: tuple[int, ...] = (2, 3, 5)
    early: int = 300
    every: int = 20

    name: ClassVar[str] = "two_moons"
    source: ClassVar[str] = (
        "Chaudhry et al. 2022, arXiv 2210.16413; Verma et al. 2019, arXiv 1903.03825, figure 1"
    )
    statement: ClassVar[str] = (
        "interpolation consistency moves the boundary between the moons, of which few points have labels"
    )
    metrics: ClassVar[Mapping[str, str]] = SCORES
    curves: ClassVar[Mapping[str, Axes]] = CURVES

    @property
    def directions(self) -> tuple[Direction, ...]:
        two, most = f"ICT, k={self.ks[0]}", f"ICT, k={self.ks[-1]}"
        return (
            Direction(
                "teacher error",
                "ERM",
                two,
                1.0,
                says="interpolation consistency finds the boundary between two moons better than the labels alone",
            ),
            Direction("teacher error", "mixup", two, 1.0),
            Direction("teacher error", "mean teacher", two, 1.0),
            Direction("teacher error", two, most, 0.0),
            Direction("early teacher error", two, most, 0.0),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        x, y, others, shown = self._points(seed)
        names = ("ERM", "mixup", "mean teacher", *self._mixing)
        students = {name: fully_connected((2, *self.widths, 2), seed) for name in names}
        teachers = {name: latent.EMATeacher(student) for name, student in students.items()}
        history = History(
            {name: (student, teachers[name]) for name, student in students.items()}, *shown, self.early
        )
        optimizers = {name: adam(student, self.lr)[0] for name, student in students.items()}
        unsupervised: dict[str, Unsupervised] = {"mean teacher": agreement(self.jitter)} | self._mixing
        policy = MixPolicy(MixUp(self.alpha))
        for step in range(self.steps):
            weight = self.weight * latent.sigmoid_ramp(step, self.steps / 4)
            plan = policy.plan(len(x), seed=seed, epoch=0, step=step)
            mixed, soft = plan.apply(x), torch.as_tensor(plan.targets(y, 2))
            chosen = torch.randperm(len(others), generator=latent.step_generator(seed, step=step))
            for name, student in students.items():
                if name in ("ERM", "mean teacher"):
                    loss = F.cross_entropy(student(x), y)
                else:
                    loss = soft_cross_entropy(student(mixed), soft)
                if name in unsupervised:
                    points = others[chosen[: self.batch_size]]
                    generator = latent.step_generator(seed, step=step)
                    loss = loss + weight * unsupervised[name](student, teachers[name], [points], generator)
                optimizers[name].zero_grad(set_to_none=True)
                loss.backward()
                optimizers[name].step()
                teachers[name].update(student)
            if (step + 1) % self.every == 0:
                history.note(step + 1)
        return joined(history)

    @property
    def _mixing(self) -> dict[str, Unsupervised]:
        return {f"ICT, k={k}": interpolation(k, self.alpha) for k in self.ks}

    def _points(self, seed: int) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Labelled points, their classes, unlabelled points, and test points with their classes."""
        few, others = 2 * self.labels, self.unlabelled
        points, classes = make_moons(
            few + others + self.test, shuffle=False, noise=self.noise, random_state=seed
        )
        random = np.random.RandomState(seed)
        first, second = (random.permutation(np.flatnonzero(classes == c)) for c in (0, 1))
        parts = np.cumsum([self.labels, others // 2])
        labelled, unlabelled, test = (
            np.concatenate(both) for both in zip(np.split(first, parts), np.split(second, parts), strict=True)
        )
        x = torch.tensor(
            (points - points[unlabelled].mean(0)) / points[unlabelled].std(0), dtype=torch.float32
        )
        y = torch.from_numpy(classes)
        return x[labelled], y[labelled], x[unlabelled], (x[test], y[test])
