"""Chaudhry et al. 2022: mixup as an unsupervised loss, of two points and of more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.claims.arms import See, as_mixed, unmixed
from benchmarks.claims.chaudhry.linearity import GAPS, HIDDEN, gaps_of
from benchmarks.claims.chaudhry.pupils import (
    CURVES,
    SCORES,
    Pupil,
    Unsupervised,
    agreement,
    consistent,
    followed,
    interpolation,
    joined,
    on_all,
    pupil,
)
from benchmarks.claims.claim import Axes, Claim, Measured
from benchmarks.claims.digits import Digits, split
from benchmarks.claims.directions import Direction
from benchmarks.claims.networks import Perceptron
from benchmarks.claims.training import Training
from dali_mixup import HandOver, MixPolicy, MixUp, Unlabelled, latent


@dataclass(frozen=True)
class Consistency(Claim):
    """Interpolation consistency on unlabelled digits against the same network without it: with the labels alone, with a
    mean teacher that asks for consistency under noise instead, and with the labels of all digits.

    Every arm takes as many steps. Every arm has a moving average of its weights too, its "teacher".

    Args:
        training: training on the labelled digits.
        pool: labelled and unlabelled digits together.
        unlabelled_batch: unlabelled digits per step.
        weight: the unsupervised loss's, after a ramp of a quarter of the epochs.
        noise: standard deviation of the mean teacher's noise on standardised pixels; on other seeds 0.6 was
            better than 0.3 and as good as 1.0.
        ks: numbers of unlabelled digits in a mixture.
        early: steps after which errors count as early.
        every: steps between the points of a curve.
    """

    training: Training = field(default_factory=lambda: Training(train=100, epochs=600))
    pool: int = 1000
    unlabelled_batch: int = 100
    weight: float = 100.0
    noise: float = 0.6
    ks: tuple[int, ...] = (2, 3, 5)
    early: int = 200
    every: int = 20

    name: ClassVar[str] = "consistency"
    source: ClassVar[str] = "Chaudhry et al. 2022, arXiv 2210.16413; Verma et al. 2019, arXiv 1903.03825"
    statement: ClassVar[str] = (
        "as an unsupervised loss mixup makes all layers more linear and training converge faster, more so with more "
        "than two points"
    )
    metrics: ClassVar[Mapping[str, str]] = SCORES | GAPS
    curves: ClassVar[Mapping[str, Axes]] = CURVES

    @property
    def directions(self) -> tuple[Direction, ...]:
        two, most = f"ICT, k={self.ks[0]}", f"ICT, k={self.ks[-1]}"
        return (
            Direction(
                "early teacher error",
                two,
                most,
                1.0,
                says="as an unsupervised loss, mixtures of five points converge faster than pairs",
            ),
            *(Direction("early teacher error", two, f"ICT, k={k}", 0.0) for k in self.ks[1:-1]),
            Direction("early student error", two, most, 1.0),
            Direction("early teacher error", "ERM", two, 1.0),
            Direction("early teacher error", "mean teacher", most, 1.0),
            Direction(
                "teacher error",
                two,
                most,
                1.0,
                says="mixtures of five points end with a lower test error than pairs",
            ),
            Direction("teacher error", "ERM", two, 1.0),
            Direction("teacher error", "mean teacher, labels mixed", two, 0.5),
            Direction("teacher error", "mean teacher", most, 0.5),
            Direction("softmax", "ERM", two, 0.03),
            Direction("softmax", "mean teacher, labels mixed", two, 0.0),
            *(
                Direction(
                    layer,
                    "ERM",
                    two,
                    0.0,
                    says="mixup as an unsupervised loss makes the last hidden layer more linear"
                    if layer == HIDDEN[-1]
                    else "",
                )
                for layer in HIDDEN
            ),
            *(Direction(layer, "mean teacher, labels mixed", two, 0.0) for layer in HIDDEN),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        everything, test = split(seed, self.pool)
        labelled, others = everything[: self.training.train], everything[self.training.train :]
        batch, shown = self.training.batch_size, (digits.images[test], digits.labels[test])
        few = self._few(seed)
        handover = HandOver(clean=True, unlabelled=Unlabelled(digits.source(others), self.unlabelled_batch))
        loader = digits.loader(labelled, MixPolicy(MixUp(1.0)), batch, seed, handover=handover)
        history = followed(self.training, loader, few, shown, every=self.every, early=self.early)
        whole = on_all(self.training, self.pool)
        all_labels = {"ERM, all labels": pupil(whole, whole.network(seed), unmixed)}
        loader = digits.loader(everything, None, batch, seed, handover=HandOver())
        reference = followed(whole, loader, all_labels, shown, every=self.every, early=self.early)
        found = joined(history, reference)
        for name, one in (few | all_labels).items():
            assert isinstance(one.arm.model, Perceptron)
            found.arms[name] |= gaps_of(one.arm.model, digits.images[test], seed)
        return found

    def _few(self, seed: int) -> dict[str, Pupil]:
        """The arms that see the labels of few digits."""

        def arm(see: See, unsupervised: Unsupervised | None = None) -> Pupil:
            student = self.training.network(seed)
            if unsupervised is None:
                return pupil(self.training, student, see)
            return pupil(self.training, student, see, consistent(unsupervised, self._ramped))

        return {
            "ERM": arm(unmixed),
            "mixup": arm(as_mixed),
            "mean teacher": arm(unmixed, agreement(self.noise)),
            "mean teacher, labels mixed": arm(as_mixed, agreement(self.noise)),
            "ICT, k=2, labels unmixed": arm(unmixed, interpolation(2)),
            **{f"ICT, k={k}": arm(as_mixed, interpolation(k)) for k in self.ks},
        }

    def _ramped(self, epoch: int) -> float:
        return self.weight * latent.sigmoid_ramp(epoch, self.training.epochs / 4)
