"""Partners with similar labels: C-Mixup, mixup for regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from dali_mixup._checks import choice, number
from dali_mixup._decide.from_data import FromData, Sampler

Within = Literal["data", "batch"]
BLOCK = 2**20  # weights at a time


@dataclass(frozen=True)
class LabelDistance(FromData):
    """Partners with similar labels: P(j | i) ~ exp(-|y_i - y_j|^2 / (2 bandwidth^2)), the row itself included.

    Yao et al. 2022, "C-Mixup: Improving Generalization in Regression" (arXiv 2210.05775); the authors' code draws from
    a Gaussian kernel density around y_i, with MixUp(2.0) for most data sets and bandwidths from 0.05 to 50. Labels are
    taken as they are, so scale them first if their columns have different units. Draws are independent, with
    replacement.

    Args:
        bandwidth: sigma > 0, in the units of the labels.
        within: "data", the samples of the whole of it, which are read and decoded too (a loader with
            labels=LabelVectors(...), whose batches then cost `policy.columns` times as much); or "batch", its own rows,
            at no cost in pixels, as the authors do for large images (`batch_type`).

    A step computes (rows x distinct labels) weights, block by block. If a million labels all differ, round them to
    steps well below the bandwidth.

    Raises:
        TypeError, ValueError: values outside the above; labels that are not finite numbers.
    """

    bandwidth: float
    within: Within = "data"

    by_value: ClassVar[bool] = True

    def __post_init__(self) -> None:
        # Its square must not vanish or overflow.
        sigma = number("LabelDistance", "bandwidth", self.bandwidth, at_least=1e-100, at_most=1e100)
        object.__setattr__(self, "bandwidth", sigma)
        choice("LabelDistance", "within", self.within, get_args(Within))

    @property
    def beyond_batch(self) -> bool:
        return self.within == "data"

    def check(self, owner: str, samples: int, vectors: np.ndarray | None) -> None:
        if vectors is None:
            raise ValueError(
                f"{owner}: partners={self!r} measures distances between labels that are numbers; give "
                "labels=LabelVectors(array), one line per sample"
            )

    def sampler(self, labels: np.ndarray, vectors: np.ndarray | None) -> Sampler:
        assert vectors is not None  # or `check` has refused them
        return ByDistance(vectors, self.bandwidth)

    def _column(self, rng: Any, rows: int, j: int, labels: Any, others: Any) -> np.ndarray:
        if self.within == "data":
            return super()._column(rng, rows, j, labels, others)
        values = np.asarray(labels)
        if values.dtype.kind not in "fiub" or values.ndim not in (1, 2) or not np.isfinite(values).all():
            raise ValueError(
                f"MixPolicy.plan: labels of type {values.dtype} and shape {values.shape} with partners={self!r}; "
                "expected finite numbers, (rows,) or (rows, C)"
            )
        return ByDistance(values.reshape(rows, -1), self.bandwidth)(rng, np.arange(rows), 1)[:, 0]


class ByDistance:
    """Draws samples by a Gaussian kernel of the distance of their labels; equal labels share one weight.

    Args:
        values: (samples, C) finite numbers.
        bandwidth: sigma of the kernel.
    """

    def __init__(self, values: np.ndarray, bandwidth: float) -> None:
        self.distinct, group, self.counts = np.unique(
            values.astype(np.float64), axis=0, return_inverse=True, return_counts=True
        )
        self.group = group.reshape(len(values))
        self.members = np.argsort(self.group, kind="stable")
        self.first = np.cumsum(self.counts) - self.counts
        self.bandwidth = bandwidth

    def __call__(self, rng: np.random.RandomState, indices: np.ndarray, count: int) -> np.ndarray:
        """(n, count) int64 samples for the samples `indices` (n,)."""
        chosen, member = rng.random_sample((2, len(indices), count))
        drawn = np.empty((len(indices), count), np.int64)
        rows = max(1, BLOCK // len(self.distinct))
        for start in range(0, len(indices), rows):
            block = slice(start, start + rows)
            edges = np.cumsum(self._weights(self.group[indices[block]]), axis=1)
            for j in range(count):
                at = chosen[block, j, None] * edges[:, -1:]
                drawn[block, j] = (edges <= at).sum(axis=1)
        return self.members[self.first[drawn] + (member * self.counts[drawn]).astype(np.int64)]

    def _weights(self, own: np.ndarray) -> np.ndarray:
        """(n, distinct labels) the kernel times the number of samples; it is 1 at the own label, so no row vanishes."""
        squares = np.zeros((len(own), len(self.distinct)))
        for column in self.distinct.T:
            squares += ((column[own, None] - column) / self.bandwidth) ** 2
        return np.exp(-squares / 2) * self.counts
