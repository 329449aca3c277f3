"""Rows that accompany a batch's own: views, unlabelled images, neighbours. All are rows of one DALI batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dali_mixup._checks import boolean, instance, integer
from dali_mixup._decide.from_data import FromData, Sampler
from dali_mixup._decide.partners import Pool
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.unlabelled import Unlabelled
from dali_mixup._seeding import Purpose, stream
from dali_mixup.sources import Source, open_source
from dali_mixup.sources.bad_files import BadFiles


@dataclass(frozen=True)
class HandOver:
    """The parts of a batch's `MixRecord`, which `train_loader(handover=...)` returns as a third item of every batch.

    Args:
        clean: the same augmented images before mixing, normalised alike. Costs one pass over the pixels.
        views: number of independently augmented views per sample, >= 1: the mixed one and views - 1 unmixed ones. Each
            costs as much as the first, since it is decoded too.
        unlabelled: a stream of unlabelled samples; None: only the policy's, with partners=Pool(...).

    Raises:
        TypeError, ValueError: values outside the above.
    """

    clean: bool = False
    views: int = 1
    unlabelled: Unlabelled | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "clean", boolean("HandOver", "clean", self.clean))
        object.__setattr__(self, "views", integer("HandOver", "views", self.views, at_least=1))
        instance("HandOver", "unlabelled", self.unlabelled, Unlabelled)


@dataclass(frozen=True)
class Companions:
    """The rows that accompany the n rows of a batch, in this order: one block of unlabelled samples per view, the
    neighbours (row by row), one block of the batch's own samples per further view.

    Attributes:
        views: views of every labelled sample, the batch's own included.
        unlabelled: source of the unlabelled samples, or None.
        unlabelled_rows: unlabelled samples per step; 0 without a stream.
        unlabelled_views: views of each unlabelled sample.
        unlabelled_bad: the unlabelled samples that are left out.
        pooled: whether mixing partners come from the unlabelled samples too.
        neighbours: the law of the partners that are read beside every row, or None.
        neighbour_columns: partners read for every row; 0 without such a law.
    """

    views: int = 1
    unlabelled: Source | None = None
    unlabelled_rows: int = 0
    unlabelled_views: int = 1
    unlabelled_bad: BadFiles | None = None
    pooled: bool = False
    neighbours: Sampler | None = None
    neighbour_columns: int = 0

    def rows(self, n: int) -> int:
        """Rows of the whole DALI batch."""
        return n * (self.views + self.neighbour_columns) + self.unlabelled_rows * self.unlabelled_views

    def others(self, n: int) -> np.ndarray | None:
        """Rows beyond the batch from which partners come, in the form that `MixPolicy.plan` expects."""
        if self.neighbours is not None:
            first = n + self.unlabelled_rows * self.unlabelled_views
            return first + np.arange(n * self.neighbour_columns).reshape(n, self.neighbour_columns)
        return n + np.arange(self.unlabelled_rows) if self.pooled else None

    def unlabelled_blocks(self, n: int) -> list[slice]:
        """The rows of each view of the unlabelled samples."""
        m = self.unlabelled_rows
        return [slice(n + v * m, n + (v + 1) * m) for v in range(self.unlabelled_views if m else 0)]

    def view_blocks(self, n: int) -> list[slice]:
        """The rows of each further view of the batch's own samples."""
        first = self.rows(n) - n * (self.views - 1)
        return [slice(first + v * n, first + (v + 1) * n) for v in range(self.views - 1)]

    def neighbour_indices(
        self, indices: np.ndarray, seed: int, rank: int, epoch: int, step: int
    ) -> np.ndarray:
        """(n * neighbour_columns,) int64 samples drawn for each row, row by row."""
        if self.neighbours is None:
            return indices[:0]
        rng = stream(Purpose.NEIGHBOURS, seed, rank=rank, epoch=epoch, step=step)
        return self.neighbours(rng, indices, self.neighbour_columns).ravel()

    def unlabelled_indices(self, seed: int, number: int, rank: int, world_size: int) -> np.ndarray:
        """(unlabelled_rows,) samples of the unlabelled stream in the number-th step since epoch 0: each rank takes the
        next piece of one endless sequence of permutations."""
        if self.unlabelled is None:
            return np.zeros(0, np.int64)
        samples, m = len(self.unlabelled), self.unlabelled_rows
        positions = (number * world_size + rank) * m + np.arange(m)
        taken = np.empty(m, dtype=np.int64)
        for cycle in np.unique(positions // samples):
            inside = positions // samples == cycle
            taken[inside] = _permutation(seed, int(cycle), samples)[positions[inside] % samples]
        assert self.unlabelled_bad is not None
        return self.unlabelled_bad.replaced(taken)


@functools.lru_cache(maxsize=2)  # a step needs one permutation, or the end of one and the start of the next
def _permutation(seed: int, cycle: int, samples: int) -> np.ndarray:
    return stream(Purpose.UNLABELLED, seed, epoch=cycle).permutation(samples)


def companions_of(
    owner: str,
    handover: HandOver | None,
    source: Source,
    policy: MixPolicy | None,
    batch_size: int,
    labels: np.ndarray,
    vectors: np.ndarray | None,
    bad: Callable[[Source], BadFiles],
) -> Companions:
    """The companions of a loader's batches.

    Args:
        labels, vectors: (samples,) class ids and (samples, C) targets to train on; vectors may be None.
        bad: makes the list of samples to leave out for a source.

    Raises:
        ValueError: partners from the data that do not fit them; two different unlabelled streams; one of the
            labelled and the unlabelled data in files and the other in archives.
    """
    given = handover or HandOver()
    rule = None if policy is None else policy.rule
    sampler = rule.sampler(owner, labels, vectors) if isinstance(rule, FromData) else None
    neighbours = sampler if rule is not None and rule.beyond_batch else None
    stream_ = _one_stream(owner, given.unlabelled, rule.unlabelled if isinstance(rule, Pool) else None)
    unlabelled = None if stream_ is None else open_source(stream_.data)
    if unlabelled is not None and unlabelled.read_in_dali != source.read_in_dali:
        raise ValueError(
            f"{owner}: the labelled data are {'files' if source.read_in_dali else 'archives or remote'} and the "
            "unlabelled data are not; give both in the same form"
        )
    return Companions(
        views=given.views,
        unlabelled=unlabelled,
        unlabelled_rows=0 if stream_ is None else stream_.batch_size or batch_size,
        unlabelled_views=1 if stream_ is None else stream_.views,
        unlabelled_bad=None if unlabelled is None else bad(unlabelled),
        pooled=isinstance(rule, Pool),
        neighbours=neighbours,
        neighbour_columns=0 if neighbours is None or policy is None else policy.columns - 1,
    )


def _one_stream(owner: str, handed: Unlabelled | None, pooled: Unlabelled | None) -> Unlabelled | None:
    if handed is not None and pooled is not None and handed is not pooled:
        raise ValueError(
            f"{owner}: handover= and partners=Pool(...) name two unlabelled streams; give the same Unlabelled object "
            "to both, or leave it out of the HandOver: the pool's stream is handed over anyway"
        )
    return handed if pooled is None else pooled
