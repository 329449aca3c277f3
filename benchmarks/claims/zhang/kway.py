"""Zhang et al. 2018, section 2: convex combinations of more than two images bring no further gain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.claims.arms import as_mixed, unmixed
from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.training import BY_EPOCH, ERROR_BY_EPOCH, SCORES, ErrorCurves, Training, scores
from dali_mixup import HandOver, MixPolicy, MixUp


@dataclass(frozen=True)
class KWay(Claim):
    """Mixtures of k images with weights ~ Dirichlet(1, ..., 1), each k from a stream of its own.

    Args:
        ks: numbers of images in a mixture.
    """

    training: Training = field(default_factory=lambda: Training(epochs=100))
    ks: tuple[int, ...] = (2, 3, 5)

    name: ClassVar[str] = "kway"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, section 2"
    statement: ClassVar[str] = "mixing more than two images brings no further gain"
    metrics: ClassVar[Mapping[str, str]] = SCORES
    curves: ClassVar[Mapping[str, Axes]] = ERROR_BY_EPOCH
    seeds: ClassVar[int] = 20

    @property
    def directions(self) -> tuple[Direction, ...]:
        more = [
            Direction(
                "test error",
                f"k={k}",
                "k=2",
                -0.5,
                says=f"mixtures of {k} images bring no further gain over pairs",
            )
            for k in self.ks
            if k > 2
        ]
        return (
            Direction("test error", "ERM", "k=2", 0.3, says="mixup of pairs has a lower error than ERM"),
            *more,
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        samples, test = self.training.split(seed)
        found: Arms = {}
        curves: dict[str, Curve] = {}
        for k in self.ks:
            arms = {f"k={k}": self.training.arm(self.training.network(seed), as_mixed)}
            if k == 2:
                arms = {"ERM": self.training.arm(self.training.network(seed), unmixed)} | arms
            policy = MixPolicy([MixUp(1.0, k=k)], granularity="sample")
            loader = digits.loader(
                samples, policy, self.training.batch_size, seed, handover=HandOver(clean="ERM" in arms)
            )
            watched = ErrorCurves(arms, digits, test)
            self.training.fit(loader, arms, watched)
            found |= scores(arms, digits, test)
            curves |= watched.curves
        return Measured(found, {BY_EPOCH: curves})
