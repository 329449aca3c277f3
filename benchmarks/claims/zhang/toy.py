"""Zhang et al. 2018, figure 1b: the decision surface of points in the plane is smoother with mixup."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Curves, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, nll, outputs
from benchmarks.claims.zhang.gradients import input_gradients, norms
from benchmarks.claims.zhang.rows import Fit, Rows, Task
from dali_mixup import MixPolicy, MixUp
from dali_mixup.losses import soft_cross_entropy

SHAPES = ("moons", "rings")
CONFIDENT = 0.95
EDGE = 2.5  # half the side of the square that is measured, in standard deviations of the training points
SECTIONS = {"moons": ((0.0, 1.5), (1.0, -1.0)), "rings": ((0.0, 0.0), (1.5, 0.0))}
"""Where the curves run, in the shapes' own coordinates: across both moons; from the centre of the rings outwards."""
TASK = Task(2, 2, soft_cross_entropy, nll, error)


@dataclass(frozen=True)
class Toy(Claim):
    """scikit-learn's two moons and two rings with Gaussian noise, and a perceptron that can fit the noise.

    ERM stopped at the epoch of least NLL on as many further points, and label smoothing, are controls.

    Args:
        fit: training of every arm.
        points: to train on; as many more choose the epoch of the stopped arm.
        fresh: points to test on.
        noise: standard deviation of each shape's noise; the moons' and the outer ring's radius is 1.
        alpha: mixup's, with one lam per point.
        smoothing: label smoothing's epsilon.
        grid: points per side of the square on which the surface is measured.
        stations: points of a curve.
    """

    fit: Fit = field(default_factory=lambda: Fit(epochs=300, batch_size=50, widths=(128, 128)))
    points: int = 200
    fresh: int = 2000
    noise: tuple[float, float] = (0.2, 0.15)
    alpha: float = 1.0
    smoothing: float = 0.1
    grid: int = 61
    stations: int = 41

    name: ClassVar[str] = "toy"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, figure 1b"
    statement: ClassVar[str] = (
        "between two classes in the plane mixup's decision surface is smoother than ERM's, and less of it is certain"
    )
    metrics: ClassVar[Mapping[str, str]] = {
        "test error": "%",
        "NLL": "nats",
        "confident area": "% of the square",
        "confident errors": "% of test points",
        "gradient of p": "root mean square over the square",
    }
    curves: ClassVar[Mapping[str, Axes]] = {
        shape: Axes(where, "p(y=1|x)")
        for shape, where in zip(
            SHAPES, ("place on a line across both moons", "distance from the centre"), strict=True
        )
    } | {
        f"{shape}, confidence": Axes("confidence", "at least as confident, % of the square")
        for shape in SHAPES
    }

    @property
    def directions(self) -> tuple[Direction, ...]:
        found: list[Direction] = []
        for shape in SHAPES:
            says = {
                "gradient of p": f"mixup's decision surface is smoother than ERM's ({shape})",
            }
            for metric, margin in (
                ("gradient of p", 0.1),
                ("confident area", 10.0),
                ("confident errors", 0.5),
            ):
                found.append(
                    Direction(metric, f"{shape}, ERM", f"{shape}, mixup", margin, says=says.get(metric, ""))
                )
            for control in ("ERM, stopped", f"ERM, smoothing {self.smoothing:g}"):
                found.append(Direction("gradient of p", f"{shape}, {control}", f"{shape}, mixup", 0.0))
            found.append(Direction("test error", f"{shape}, ERM", f"{shape}, mixup", -0.5))
        return tuple(found)

    def measure(self, seed: int, digits: Digits) -> Measured:
        found: Arms = {}
        curves: Curves = {name: {} for name in self.curves}
        for shape, noise in zip(SHAPES, self.noise, strict=True):
            plane = Plane.drawn(shape, noise, self.points, self.fresh, seed)
            for name, model in self._trained(plane, seed).items():
                surface = Surface.of(model, self.grid)
                logits = outputs(model, plane.test.x)
                wrong = logits.argmax(1) != plane.test.y
                sure = logits.double().softmax(1).amax(1) > CONFIDENT
                found[f"{shape}, {name}"] = {
                    "test error": error(logits, plane.test.y),
                    "NLL": nll(logits, plane.test.y),
                    "confident area": surface.at_least(CONFIDENT),
                    "confident errors": 100.0 * float((wrong & sure).double().mean()),
                    "gradient of p": surface.steepness,
                }
                places, line = plane.section(*SECTIONS[shape], self.stations)
                p = outputs(model, line).double().softmax(1)[:, 1]
                curves[shape][name] = Curve(places, p.tolist())
                levels = np.linspace(0.5, 1.0, self.stations).tolist()
                curves[f"{shape}, confidence"][name] = Curve(levels, [surface.at_least(c) for c in levels])
        return Measured(found, curves)

    def _trained(self, plane: Plane, seed: int) -> dict[str, nn.Module]:
        plain = self._fitted(plane, seed)
        smooth = self._fitted(plane, seed, replace(TASK, loss=partial(smoothed, self.smoothing)))
        mixed = self._fitted(plane, seed, policy=MixPolicy(MixUp(self.alpha), granularity="sample"))
        return {
            "ERM": plain.last,
            "ERM, stopped": plain.stopped,
            f"ERM, smoothing {self.smoothing:g}": smooth.last,
            "mixup": mixed.last,
        }

    def _fitted(self, plane: Plane, seed: int, task: Task = TASK, policy: MixPolicy | None = None) -> Fitted:
        least, stopped, model = float("inf"), None, None
        for model in self.fit.networks(plane.train, task, policy, seed):
            now = nll(outputs(model, plane.validation.x), plane.validation.y)
            if now < least:
                least, stopped = now, copy.deepcopy(model)
        assert model is not None and stopped is not None
        return Fitted(model, stopped)


def smoothed(epsilon: float, logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy with smoothed labels."""
    return F.cross_entropy(logits, labels, label_smoothing=epsilon)


class Fitted(NamedTuple):
    """A network after the last epoch, and after that with the least NLL on the validation points."""

    last: nn.Module
    stopped: nn.Module


@dataclass(frozen=True)
class Plane:
    """Points (N, 2) of two classes, standardised.

    Attributes:
        mean, std: (2,), of the training points before that.
    """

    train: Rows
    validation: Rows
    test: Rows
    mean: Tensor
    std: Tensor

    @classmethod
    def drawn(cls, shape: str, noise: float, points: int, fresh: int, seed: int) -> Plane:
        """`points` to train on, as many for validation, and `fresh` to test on, each half of one class."""
        from sklearn.datasets import make_circles, make_moons

        def rows(count: int, part: int) -> tuple[Tensor, Tensor]:
            state = np.random.RandomState([seed, part])
            if shape == "moons":
                x, y = make_moons(count, noise=noise, random_state=state)
            else:
                x, y = make_circles(count, noise=noise, factor=0.5, random_state=state)
            return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.int64)

        drawn = [rows(count, part) for part, count in enumerate((points, points, fresh))]
        mean, std = drawn[0][0].mean(0), drawn[0][0].std(0)
        train, validation, test = (Rows((x - mean) / std, y) for x, y in drawn)
        return cls(train, validation, test, mean, std)

    def section(
        self, start: tuple[float, float], end: tuple[float, float], count: int
    ) -> tuple[list[float], Tensor]:
        """`count` places from `start` to `end`, given in the shape's own coordinates: their distances from the start,
        and the points (count, 2), standardised."""
        first, last = torch.tensor(start), torch.tensor(end)
        steps = torch.linspace(0, 1, count)
        line = first + steps[:, None] * (last - first)
        return (steps * (last - first).norm()).tolist(), (line - self.mean) / self.std


@dataclass(frozen=True)
class Surface:
    """A network of two classes on a grid over the square from -EDGE to EDGE.

    Attributes:
        confidence: (points of the grid,): the larger of the two probabilities.
        steepness: root mean square of the norm of p(y=1|x)'s gradient: for a given rise it is least for an even slope.
    """

    confidence: Tensor
    steepness: float

    @classmethod
    def of(cls, model: nn.Module, side: int) -> Surface:
        ticks = torch.linspace(-EDGE, EDGE, side)
        grid = torch.cartesian_prod(ticks, ticks)
        slopes = norms(input_gradients(model, grid, lambda logits: logits.double().softmax(1)[:, 1]))
        confidence = outputs(model, grid).double().softmax(1).amax(1)
        return cls(confidence, float(slopes.double().square().mean().sqrt()))

    def at_least(self, level: float) -> float:
        """Percent of the square with that confidence."""
        return 100.0 * float((self.confidence >= level).double().mean())
