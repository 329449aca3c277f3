"""Networks that learn from few labels and from unlabelled points, each followed by a mean teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.claims.arms import Arm, Loss, See, View, cross_entropy
from benchmarks.claims.claim import Arms, Axes, Curve, Curves, Measured
from benchmarks.claims.evaluation import error, outputs
from benchmarks.claims.training import Training
from dali_mixup import MixLoader, latent
from dali_mixup.latent.ict import squared_error

SCORES = {
    "teacher error": "%",
    "student error": "%",
    "early teacher error": "%",
    "early student error": "%",
}
_STEPS = Axes("steps of the optimiser", "test error, %", log=True)
CURVES = {"teacher": _STEPS, "student": _STEPS}

Unsupervised = Callable[[nn.Module, nn.Module, Sequence[Tensor], torch.Generator], Tensor]
"""From student, teacher, the views (M, ...) of unlabelled points and the step's generator to a loss."""

Weight = Callable[[int], float]
"""From the epoch to the weight of an unsupervised loss."""


@dataclass(frozen=True)
class Pupil:
    """A student in training and the moving average of its weights, which the papers' code evaluates."""

    arm: Arm
    teacher: latent.EMATeacher


def pupil(
    training: Training,
    student: nn.Module,
    see: See,
    loss: Callable[[nn.Module], Loss] = lambda _: cross_entropy,
) -> Pupil:
    """A pupil with the common optimiser; `loss` makes its loss from the teacher."""
    teacher = latent.EMATeacher(student)
    arm = training.arm(student, see, loss(teacher))
    arm.after = lambda: teacher.update(student)
    return Pupil(arm, teacher)


def consistent(unsupervised: Unsupervised, weight: Weight) -> Callable[[nn.Module], Loss]:
    """Cross-entropy on the labelled digits plus the weighted unsupervised loss on the record's unlabelled ones."""

    def bind(teacher: nn.Module) -> Loss:
        def loss(student: nn.Module, view: View) -> Tensor:
            found = unsupervised(student, teacher, view.record.unlabelled, view.generator)
            return cross_entropy(student, view) + weight(view.record.epoch) * found

        return loss

    return bind


def interpolation(k: int, alpha: float = 1.0) -> Unsupervised:
    """ICT in its authors' form: at mixtures of k points the student predicts the mixture of the teacher's logits."""
    ict = latent.InterpolationConsistency(alpha=alpha, mode="logits", k=k)

    def loss(
        student: nn.Module, teacher: nn.Module, views: Sequence[Tensor], generator: torch.Generator
    ) -> Tensor:
        return ict(student, teacher, views[0], generator=generator)

    return loss


def agreement(deviation: float = 0.0) -> Unsupervised:
    """Mean teacher (Tarvainen & Valpola 2017, arXiv 1703.01780): at the same point, seen in different views and each
    with Gaussian noise of its own, the student predicts what the teacher does. No mixing."""

    def loss(
        student: nn.Module, teacher: nn.Module, views: Sequence[Tensor], generator: torch.Generator
    ) -> Tensor:
        own, other = views[0], views[-1]
        if deviation:
            own = own + deviation * torch.randn(own.shape, generator=generator)
            other = other + deviation * torch.randn(other.shape, generator=generator)
        with torch.no_grad():
            target = F.softmax(teacher(other), dim=1)
        return squared_error(student(own), target)

    return loss


class History:
    """Test errors of students and teachers while they learn.

    Args:
        models: arm -> student and teacher.
        points, labels: the test set.
        early: number of steps after which errors count as "early".
    """

    def __init__(
        self,
        models: Mapping[str, tuple[nn.Module, nn.Module]],
        points: Tensor,
        labels: Tensor,
        early: int,
    ) -> None:
        self._models, self._points, self._labels, self._early = models, points, labels, early
        self._steps: list[float] = []
        self._students: dict[str, list[float]] = {name: [] for name in models}
        self._teachers: dict[str, list[float]] = {name: [] for name in models}

    def note(self, steps: int) -> None:
        """Measure all of them, `steps` steps of the optimiser after the start."""
        self._steps.append(steps)
        for name, (student, teacher) in self._models.items():
            self._students[name].append(error(outputs(student, self._points), self._labels))
            self._teachers[name].append(error(outputs(teacher, self._points), self._labels))

    def scores(self) -> Arms:
        """The metrics of `SCORES`: the last errors, and those of the first note at or after `early` steps."""
        early = next(place for place, steps in enumerate(self._steps) if steps >= self._early)
        return {
            name: {
                "teacher error": self._teachers[name][-1],
                "student error": self._students[name][-1],
                "early teacher error": self._teachers[name][early],
                "early student error": self._students[name][early],
            }
            for name in self._models
        }

    def curves(self) -> Curves:
        """Those of `CURVES`."""
        return {
            "teacher": {name: Curve(self._steps, found) for name, found in self._teachers.items()},
            "student": {name: Curve(self._steps, found) for name, found in self._students.items()},
        }


def followed(
    training: Training,
    loader: MixLoader,
    pupils: Mapping[str, Pupil],
    test: tuple[Tensor, Tensor],
    *,
    every: int,
    early: int,
) -> History:
    """Train the pupils of one stream to the end, and measure them on the test images and labels every `every` steps and
    at the end."""
    history = History({name: (one.arm.model, one.teacher) for name, one in pupils.items()}, *test, early)

    def note(passed: int) -> None:
        steps = passed * training.steps_per_epoch
        if steps % every == 0 or passed == training.epochs:
            history.note(steps)

    training.fit(loader, {name: one.arm for name, one in pupils.items()}, note)
    return history


def on_all(training: Training, pool: int) -> Training:
    """As many steps on the labels of the whole pool."""
    steps = training.epochs * training.steps_per_epoch
    return replace(training, train=pool, epochs=max(1, steps // -(-pool // training.batch_size)))


def joined(*histories: History) -> Measured:
    """The scores and curves of the arms of all of them."""
    arms: Arms = {}
    curves: Curves = {name: {} for name in CURVES}
    for history in histories:
        arms |= history.scores()
        for name, found in history.curves().items():
            curves[name] |= found
    return Measured(arms, curves)
