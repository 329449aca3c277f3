"""Rows that accompany a batch's own: neighbours and unlabelled images. All are rows of one DALI batch."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dali_mixup._checks import boolean, instance
from dali_mixup._decide.from_data import FromData, Sampler
from dali_mixup._decide.partner_rule import PartnerRule
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
        clean: the same augmented images before mixing, normalised alike. Costs one pass over the pixels. Not with
            `views=`.
        unlabelled: a stream of unlabelled samples; None: only the policy's, with partners=Pool(...).

    Raises:
        TypeError, ValueError: values outside the above.
    """

    clean: bool = False
    unlabelled: Unlabelled | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "clean", boolean("HandOver", "clean", self.clean))
        instance("HandOver", "unlabelled", self.unlabelled, Unlabelled)


@dataclass(frozen=True)
class Companions:
    """The rows that accompany the n rows of a batch: the neighbours, row by row, and then the unlabelled samples.

    Attributes:
        unlabelled: source of the unlabelled samples, or None.
        unlabelled_rows: unlabelled samples per step; 0 without a stream.
        unlabelled_bad: the unlabelled samples that are left out.
        neighbours: the law of the partners that are read beside every row, or None.
        neighbour_columns: partners read for every row; 0 without such a law.
    """

    unlabelled: Source | None = None
    unlabelled_rows: int = 0
    unlabelled_bad: BadFiles | None = None
    neighbours: Sampler | None = None
    neighbour_columns: int = 0

    def rows(self, n: int) -> int:
        """Rows of the whole DALI batch."""
        return n * (1 + self.neighbour_columns) + self.unlabelled_rows

    def others(self, n: int, rule: PartnerRule) -> np.ndarray | None:
        """Rows beyond the batch from which a rule's partners come, in the form that `MixPolicy.plan` expects."""
        if isinstance(rule, Pool):
            return self.rows(n) - self.unlabelled_rows + np.arange(self.unlabelled_rows)
        columns = self.neighbour_columns
        return n + np.arange(n * columns).reshape(n, columns) if rule.beyond_batch else None

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


def stream_of(
    owner: str, handover: HandOver | None, policies: Sequence[MixPolicy | None]
) -> Unlabelled | None:
    """The unlabelled stream that is handed over, or pooled; ValueError for two."""
    pools = [policy.rule for policy in policies if policy is not None and isinstance(policy.rule, Pool)]
    handed = None if handover is None else handover.unlabelled
    for pool in pools:
        handed = _one_stream(owner, handed, pool.unlabelled)
    return handed


def companions_of(
    owner: str,
    stream: Unlabelled | None,
    source: Source,
    policies: Sequence[MixPolicy | None],
    batch_size: int,
    labels: np.ndarray,
    vectors: np.ndarray | None,
    bad: Callable[[Source], BadFiles],
) -> Companions:
    """The companions of a loader's batches.

    Args:
        stream: the unlabelled samples.
        policies: of all views.
        labels, vectors: (samples,) class ids and (samples, C) targets to train on; vectors may be None.
        bad: makes the list of samples to leave out for a source.

    Raises:
        ValueError: partners from the data that do not fit them, or by two rules; one of the labelled and the unlabelled
            data in files and the other in archives.
    """
    mixing = [policy for policy in policies if policy is not None]
    chosen = [(policy.rule, policy.columns - 1) for policy in mixing if isinstance(policy.rule, FromData)]
    for rule, _ in chosen:
        rule.check(owner, len(source), vectors)
    read = [(rule, columns) for rule, columns in chosen if rule.beyond_batch]
    if any(rule != read[0][0] for rule, _ in read):
        raise ValueError(
            f"{owner}: views with two rules of partners from the data; give the same rule to both, or to one alone"
        )
    unlabelled = None if stream is None else open_source(stream.data)
    if unlabelled is source:
        unlabelled = copy.copy(source)  # reads of the loader's own source are of labelled samples
    if unlabelled is not None and unlabelled.read_in_dali != source.read_in_dali:
        raise ValueError(
            f"{owner}: the labelled data are {'files' if source.read_in_dali else 'archives or remote'} and the "
            "unlabelled data are not; give both in the same form"
        )
    return Companions(
        unlabelled=unlabelled,
        unlabelled_rows=0 if stream is None else stream.batch_size or batch_size,
        unlabelled_bad=None if unlabelled is None else bad(unlabelled),
        neighbours=read[0][0].sampler(labels, vectors) if read else None,
        neighbour_columns=max((columns for _, columns in read), default=0),
    )


def _one_stream(owner: str, handed: Unlabelled | None, pooled: Unlabelled | None) -> Unlabelled | None:
    if handed is not None and pooled is not None and handed is not pooled:
        raise ValueError(
            f"{owner}: handover= and partners=Pool(...) name two unlabelled streams; give the same Unlabelled object "
            "to both, or leave it out of the HandOver: the pool's stream is handed over anyway"
        )
    return handed if pooled is None else pooled
