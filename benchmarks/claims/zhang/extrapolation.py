"""Zhang et al. 2018, discussion: extrapolation, pixels or labels mixed with weights outside of [0, 1]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.claims.arms import Loss, See, View, as_mixed, cross_entropy, through, unmixed
from benchmarks.claims.claim import Arms, Claim, Measured
from benchmarks.claims.digits import CLASSES, Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, outputs
from benchmarks.claims.training import Training
from dali_mixup import HandOver, MixPolicy, MixUp
from dali_mixup.losses import dense_targets


@dataclass(frozen=True)
class Extrapolation(Claim):
    """`MixUp(1.0, extrapolate=e)`: pixel weights in [-e, 1 + e], with labels in the simplex or extrapolated too; with
    cross-entropy, and with the squared error of the outputs, which has a lower bound for such labels.

    Args:
        extents: e, the first one for most directions.
    """

    training: Training = field(default_factory=lambda: Training(epochs=100))
    extents: tuple[float, ...] = (0.25, 0.5)

    name: ClassVar[str] = "extrapolation"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, discussion"
    statement: ClassVar[str] = "mixup may mix beyond the two images, with weights outside of [0, 1]"
    metrics: ClassVar[Mapping[str, str]] = {"test error": "%"}

    @property
    def directions(self) -> tuple[Direction, ...]:
        first, metric = self.extents[0], "test error"
        return (
            Direction(metric, "ERM", "mixup", 0.0),
            *(Direction(metric, "ERM", pixels(e), 0.0) for e in self.extents),
            Direction(
                metric,
                "mixup",
                pixels(first),
                0.0,
                says="pixels beyond the two images lower the error of mixup",
            ),
            *(Direction(metric, "mixup", pixels(e), -0.5) for e in self.extents),
            Direction(
                metric,
                labels_too(first),
                pixels(first),
                1.0,
                says="labels extrapolated as well raise the error of a training with cross-entropy",
            ),
            *(Direction(metric, labels_too(e), pixels(e), 1.0) for e in self.extents[1:]),
            Direction(metric, "mixup" + BY_SQUARES, labels_too(first) + BY_SQUARES, -0.5),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        samples, test = self.training.split(seed)
        steps = self.training.steps_per_epoch
        found: Arms = {}
        for extent in (0.0, *self.extents):
            views: dict[str, See] = {"ERM": unmixed, "mixup": as_mixed}
            if extent:
                too = through(policy(extent, labels=True), steps)
                views = {pixels(extent): as_mixed, labels_too(extent): too}
            arms = {
                name + suffix: self.training.arm(self.training.network(seed), see, loss)
                for name, see in views.items()
                for suffix, loss in LOSSES.items()
            }
            loader = digits.loader(
                samples,
                policy(extent),
                self.training.batch_size,
                seed,
                handover=HandOver(clean="ERM" in arms),
            )
            self.training.fit(loader, arms)
            found |= {name: score(arm.model, digits, test) for name, arm in arms.items()}
        return Measured(found)


def score(model: nn.Module, digits: Digits, test: np.ndarray) -> dict[str, float]:
    """The test error; 100% if a loss without a lower bound has ended in outputs that are no numbers."""
    logits = outputs(model, digits.images[test])
    wrong = error(logits, digits.labels[test])
    return {"test error": wrong if bool(torch.isfinite(logits).all()) else 100.0}


def policy(extent: float, labels: bool = False) -> MixPolicy:
    """Mixup with lam ~ U(0, 1) per sample and pixel weights up to 1 + extent."""
    return MixPolicy(MixUp(1.0, extrapolate=extent, extrapolate_labels=labels), granularity="sample")


def squared_error(model: nn.Module, view: View) -> Tensor:
    """Mean squared difference of outputs and labels, summed over classes: bounded whatever the labels' weights."""
    targets = view.targets
    if isinstance(targets, Tensor):
        wanted = F.one_hot(targets, CLASSES).to(view.images.dtype)
    else:
        wanted = dense_targets(targets, CLASSES)
    found: Tensor = model(view.images)
    return (found - wanted).square().sum(1).mean()


def pixels(extent: float) -> str:
    return f"pixels beyond by {extent:g}"


def labels_too(extent: float) -> str:
    return f"pixels and labels beyond by {extent:g}"


BY_SQUARES = ", squared error"
LOSSES: Mapping[str, Loss] = {"": cross_entropy, BY_SQUARES: squared_error}
"""The end of an arm's name -> loss."""
