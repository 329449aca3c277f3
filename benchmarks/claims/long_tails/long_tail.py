"""Papers on long tails: partners of balanced classes, and labels in favour of the rarer one, help rare classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch.utils.data import WeightedRandomSampler

from benchmarks.claims.arms import Arm, See, as_mixed, through, unmixed
from benchmarks.claims.claim import Arms, Claim, Measured
from benchmarks.claims.digits import CLASSES, Digits, split
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import outputs
from benchmarks.claims.training import Training
from dali_mixup import Balanced, CutMix, MixPolicy, MixUp, Remix, UniMix

ALL = 1000  # digits that no test uses
GROUPS = {"many": slice(0, 3), "medium": slice(3, 6), "few": slice(6, 10)}  # from the largest class on


class Stream(NamedTuple):
    """A loader's policy and order, and the arms that see its batches."""

    policy: MixPolicy | None
    arms: dict[str, See]
    order: WeightedRandomSampler | None = None


@dataclass(frozen=True)
class LongTail(Claim):
    """Digits of which each class has fewer than the last, in another order for every seed; tested on balanced ones.

    Args:
        largest: digits of the largest class.
        imbalance: largest / smallest class; the others lie between, exponentially.
        alpha: of Balanced-MixUp.
    """

    training: Training = field(default_factory=lambda: Training(epochs=75))
    largest: int = 80
    imbalance: float = 40.0
    alpha: float = 0.2

    name: ClassVar[str] = "long_tail"
    source: ClassVar[str] = (
        "Park et al. 2022 and others, arXiv 2112.00412, 2109.09850, 2007.03943, 2111.03874"
    )
    statement: ClassVar[str] = "balanced partners, and labels in favour of the rarer class, help rare classes"
    metrics: ClassVar[Mapping[str, str]] = {
        "accuracy": "%, mean over all ten classes",
        "many": "%, the three largest classes",
        "medium": "%, the next three",
        "few": "%, the four smallest",
    }

    @property
    def directions(self) -> tuple[Direction, ...]:
        helps = "{} helps rare classes more than {}"
        return (
            Direction("few", "CMO", "CutMix", 3.0, says=helps.format("CMO", "CutMix")),
            Direction("few", "Balanced-MixUp", "mixup", 5.0, says=helps.format("Balanced-MixUp", "mixup")),
            Direction("few", "Remix", "mixup", 3.0),
            Direction("few", "UniMix", "mixup", 3.0),
            Direction("few", "Balanced-MixUp", "ERM", 3.0),
            Direction("few", "CMO", "ERM", 3.0),
            Direction(
                "few",
                "CMO",
                "oversampling",
                0.0,
                says=helps.format("CMO", "balanced sampling without mixing"),
            ),
            Direction("few", "Balanced-MixUp", "oversampling", 0.0),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        rank = np.random.RandomState(seed).permutation(CLASSES)  # of each class, 0 the largest
        sizes = np.maximum(self.largest * self.imbalance ** (-rank / (CLASSES - 1)), 1).round().astype(int)
        order, test = split(seed, ALL)
        labels = digits.labels[order].numpy()
        samples = np.concatenate([order[labels == c][: sizes[c]] for c in range(CLASSES)])
        training = replace(self.training, train=len(samples))
        found: Arms = {}
        for stream in self._streams(digits.labels[samples].numpy(), training.steps_per_epoch):
            arms = {name: training.arm(training.network(seed), see) for name, see in stream.arms.items()}
            loader = digits.loader(samples, stream.policy, training.batch_size, seed, order=stream.order)
            training.fit(loader, arms)
            found |= {name: _scores(arm, digits, test, rank) for name, arm in arms.items()}
        return Measured(found)

    def _streams(self, labels: np.ndarray, steps: int) -> tuple[Stream, ...]:
        counts = np.bincount(labels, minlength=CLASSES)
        mixup = MixPolicy([MixUp(1.0)], granularity="sample")
        cutmix = MixPolicy([CutMix(1.0)], granularity="sample", prob=0.5)
        cmo = replace(cutmix, partners="balanced")
        balanced = MixPolicy([MixUp(1.0, beta=self.alpha)], granularity="sample", partners="balanced")
        unimix = MixPolicy(
            [MixUp(0.8)], granularity="sample", partners=Balanced(0.1), unimix=UniMix(counts.tolist())
        )
        remix = through(replace(mixup, remix=Remix(counts.tolist())), steps)
        even = WeightedRandomSampler((1 / counts[labels]).tolist(), len(labels))
        return (
            Stream(mixup, {"ERM": unmixed, "mixup": as_mixed, "Remix": remix}),
            Stream(cutmix, {"CutMix": as_mixed}),
            Stream(None, {"oversampling": unmixed}, even),
            Stream(cmo, {"CMO": as_mixed}),
            Stream(balanced, {"Balanced-MixUp": as_mixed}),
            Stream(unimix, {"UniMix": as_mixed}),
        )


def _scores(arm: Arm, digits: Digits, test: np.ndarray, rank: np.ndarray) -> dict[str, float]:
    labels = digits.labels[test]
    right = (outputs(arm.model, digits.images[test]).argmax(1) == labels).double()
    of_class = torch.stack([100 * right[labels == c].mean() for c in np.argsort(rank)])
    groups = {name: float(of_class[place].mean()) for name, place in GROUPS.items()}
    return {"accuracy": float(of_class.mean()), **groups}
