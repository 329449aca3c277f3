"""Partners from the whole of the data: samples that a loader reads and decodes beside the batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dali_mixup._checks import number, own, table
from dali_mixup._decide.partner_rule import PartnerRule
from dali_mixup._repr import short

# (stream, samples (n,), count) -> (n, count) int64 samples
Sampler = Callable[[np.random.RandomState, np.ndarray, int], np.ndarray]


class FromData(PartnerRule):
    """A rule whose partners are samples of the data, of the whole of it on every rank. They are read and decoded too,
    so a batch costs `policy.columns` times as much."""

    @property
    def beyond_batch(self) -> bool:
        return True

    def check(self, owner: str, samples: int, vectors: np.ndarray | None) -> None:
        """Raise ValueError unless the rule fits the data; arguments as in `sampler`."""

    @abstractmethod
    def sampler(self, labels: np.ndarray, vectors: np.ndarray | None) -> Sampler:
        """The law of the partners of given samples.

        Args:
            labels: (samples,) class ids to train on.
            vectors: (samples, C) targets instead of class ids, or None.
        """

    def _column(self, rng: Any, rows: int, j: int, labels: Any, others: Any) -> np.ndarray:
        return others[:, j]


@dataclass(frozen=True, eq=False)  # arrays have no equality
class Neighbours(FromData):
    """Samples drawn uniformly from each row's own line of a table, for example its nearest neighbours in feature space.

    The partners are not rows of the batch: they are read and decoded too, so a batch costs `policy.columns` times as
    much. For loaders only.

    Args:
        table: (samples, m) sample indices >= 0, m >= 1: line i lists the candidates of sample i.
            Copied, unless the array is read-only.

    Raises:
        TypeError, ValueError: not such a table; at the loader: a number of lines other than the number of samples, or
            indices beyond them.
    """

    table: np.ndarray

    def __post_init__(self) -> None:
        array = table("Neighbours", "table", self.table, "iu", "sample indices >= 0")
        if array.min() < 0:
            raise ValueError(f"Neighbours: table names sample {array.min()}; expected sample indices >= 0")
        object.__setattr__(self, "table", own(array, self.table))

    def __repr__(self) -> str:
        return short(self)

    def check(self, owner: str, samples: int, vectors: np.ndarray | None) -> None:
        if len(self.table) != samples or self.table.max() >= samples:
            raise ValueError(
                f"{owner}: partners={self!r} has samples up to {self.table.max()}; expected ({samples}, m) indices "
                f"in [0, {samples}), one line for each of the data's samples"
            )

    def sampler(self, labels: np.ndarray, vectors: np.ndarray | None) -> Sampler:
        return self._drawn

    def _drawn(self, rng: np.random.RandomState, indices: np.ndarray, count: int) -> np.ndarray:
        lines = self.table[indices]
        chosen = (rng.random_sample((len(indices), count)) * lines.shape[1]).astype(np.int64)
        return np.take_along_axis(lines, chosen, axis=1).astype(np.int64)


@dataclass(frozen=True)
class Balanced(FromData):
    """Samples of the data in which rare classes are as frequent as others, drawn independently, with replacement.

    A sample of a class of n has the weight n^-exponent, so class k has a probability ~ n_k^(1 - exponent). CMO (Park et
    al. 2022, arXiv 2112.00412) pastes such partners by CutMix: its published code has exponent 1 by default
    (`weighted_alpha`). Balanced-MixUp (Galdran et al. 2021, arXiv 2109.09850) blends them: MixUp(1.0, beta=0.1) with
    exponent 1. Every rank draws its own, from all samples; a sample may be its own partner. They are read and decoded
    too, so a batch costs `policy.columns` times as much. For loaders only.

    Args:
        exponent: in [0, 100]. 0: all samples alike, as they are in the data; 1: all classes alike; above 1: the rarest
            classes most.

    Raises:
        TypeError, ValueError: a number outside the above.
    """

    exponent: float = 1.0

    name: ClassVar[str] = "balanced"
    by_label: ClassVar[bool] = True

    def __post_init__(self) -> None:
        exponent = number("Balanced", "exponent", self.exponent, at_least=0, at_most=100)
        object.__setattr__(self, "exponent", exponent)

    def sampler(self, labels: np.ndarray, vectors: np.ndarray | None) -> Sampler:
        return _ByClass(labels, self.exponent)


class _ByClass:
    """Draws a class with probability ~ n^(1 - exponent), then one of its samples."""

    def __init__(self, labels: np.ndarray, exponent: float) -> None:
        counts = np.bincount(labels)
        self.by_class = np.argsort(labels, kind="stable")
        self.counts, self.first = counts, np.cumsum(counts) - counts
        found = counts > 0
        logs = (1 - exponent) * np.log(counts[found])
        mass = np.zeros(len(counts))
        mass[found] = np.exp(logs - logs.max())  # the largest is 1, whatever the exponent
        self.edges = np.cumsum(mass)

    def __call__(self, rng: np.random.RandomState, indices: np.ndarray, count: int) -> np.ndarray:
        chosen, member = rng.random_sample((2, len(indices), count))
        classes = np.searchsorted(self.edges, chosen * self.edges[-1], side="right")
        return self.by_class[self.first[classes] + (member * self.counts[classes]).astype(np.int64)]
