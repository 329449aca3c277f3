"""What a batch carries beside its own rows: views, unlabelled images, neighbours. All are rows of one DALI batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup._checks import integer
from dali_mixup._checks import table as checked_table
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._seeding import Purpose, stream
from dali_mixup.sources import open_source
from dali_mixup.sources.bad_files import BadFiles
from dali_mixup.sources.base import Source


@dataclass(frozen=True)
class HandOver:
    """What `train_loader(handover=...)` hands over as a third item of every batch, a `MixRecord`, beside its decisions.

    Args:
        clean: the same augmented images before mixing, normalised alike. Costs one pass over the pixels.
        views: how many independently augmented views of every sample there are, >= 1: the mixed one and views - 1 more,
            which are not mixed. Each costs as much as the first: it is decoded too.
        unlabelled: data as `train_loader` takes them, whose labels are ignored; a stream of its own that begins anew
            whenever it ends. None: no such stream.
        unlabelled_batch_size: unlabelled samples a rank and step, >= 1; None: the labelled batch size.
        unlabelled_views: independently augmented views of every unlabelled sample, >= 1.

    Raises:
        TypeError, ValueError: numbers outside the above, or unlabelled numbers without unlabelled data.
    """

    clean: bool = False
    views: int = 1
    unlabelled: Any = None
    unlabelled_batch_size: int | None = None
    unlabelled_views: int = 1

    def __post_init__(self) -> None:
        integer("HandOver", "views", self.views, at_least=1)
        integer("HandOver", "unlabelled_views", self.unlabelled_views, at_least=1)
        if self.unlabelled_batch_size is not None:
            integer("HandOver", "unlabelled_batch_size", self.unlabelled_batch_size, at_least=1)
        if self.unlabelled is None and (self.unlabelled_batch_size is not None or self.unlabelled_views != 1):
            raise ValueError(
                f"HandOver: unlabelled_batch_size={self.unlabelled_batch_size!r} and unlabelled_views="
                f"{self.unlabelled_views!r} without unlabelled data; give unlabelled=..., or neither number"
            )


@dataclass(frozen=True)
class Companions:
    """The rows that accompany the n rows of a batch, in this order: one block of unlabelled samples a view, the
    neighbours (row by row), one block of the batch's own samples a further view.

    Attributes:
        views: views of every labelled sample, the batch's own included.
        unlabelled: source of the unlabelled samples, or None.
        unlabelled_rows: of them a step; 0 without.
        unlabelled_views: views of each.
        unlabelled_bad: which of them are left out.
        neighbours: (samples, m) int32 table of the neighbours' sample indices, or None.
        neighbour_columns: partners read for every row; 0 without a table.
    """

    views: int = 1
    unlabelled: Source | None = None
    unlabelled_rows: int = 0
    unlabelled_views: int = 1
    unlabelled_bad: BadFiles | None = None
    neighbours: np.ndarray | None = None
    neighbour_columns: int = 0

    def rows(self, n: int) -> int:
        """Rows of the whole DALI batch."""
        return n * (self.views + self.neighbour_columns) + self.unlabelled_rows * self.unlabelled_views

    def pool(self, n: int) -> int:
        """Rows a mixing partner may come from with partners="pool": the batch's and one view of the unlabelled ones."""
        return n + self.unlabelled_rows

    def neighbour_partners(self, n: int) -> np.ndarray | None:
        """(n, neighbour_columns) rows at which the neighbours of each row stand; None without neighbours."""
        if self.neighbours is None:
            return None
        first = n + self.unlabelled_rows * self.unlabelled_views
        return first + np.arange(n * self.neighbour_columns).reshape(n, self.neighbour_columns)

    def unlabelled_blocks(self, n: int) -> list[slice]:
        """Where each view of the unlabelled samples stands."""
        m = self.unlabelled_rows
        return [slice(n + v * m, n + (v + 1) * m) for v in range(self.unlabelled_views if m else 0)]

    def view_blocks(self, n: int) -> list[slice]:
        """Where each further view of the batch's own samples stands."""
        first = self.rows(n) - n * (self.views - 1)
        return [slice(first + v * n, first + (v + 1) * n) for v in range(self.views - 1)]

    def neighbour_indices(
        self, indices: np.ndarray, seed: int, rank: int, epoch: int, step: int
    ) -> np.ndarray:
        """(n * neighbour_columns,) samples drawn uniformly from each row's line of the table, row by row."""
        if self.neighbours is None:
            return indices[:0]
        rng = stream(Purpose.NEIGHBOURS, seed, rank=rank, epoch=epoch, step=step)
        lines = self.neighbours[indices]
        drawn = (rng.random_sample((len(indices), self.neighbour_columns)) * lines.shape[1]).astype(np.int64)
        return np.take_along_axis(lines, drawn, axis=1).ravel().astype(np.int64)

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
    handover: HandOver | None,
    neighbours: Any,
    source: Source,
    policy: MixPolicy | None,
    batch_size: int,
    bad: Callable[[Source], BadFiles],
) -> Companions:
    """The companions of a loader's batches from what its user gave.

    Args:
        neighbours: (samples, m) integer table, m >= 1, of sample indices; with a policy of partners="neighbours".
        bad: makes the list of samples to leave out for a source.

    Raises:
        TypeError, ValueError: a table without such a policy or the other way round, of another shape or range; pool
            partners without unlabelled data; unlabelled data that are files where the labelled are shards, or reversed.
    """
    given = handover or HandOver()
    rule = None if policy is None else policy.partners
    if (neighbours is not None) != (rule == "neighbours"):
        raise ValueError(
            f"train_loader: neighbours={'given' if neighbours is not None else None} with partners={rule!r}; "
            "the table and a policy of partners='neighbours' belong together"
        )
    if rule == "pool" and given.unlabelled is None:
        raise ValueError(
            "train_loader: partners='pool' mixes with unlabelled samples; give HandOver(unlabelled=...)"
        )
    unlabelled = None if given.unlabelled is None else open_source(given.unlabelled)
    if unlabelled is not None and unlabelled.read_in_dali != source.read_in_dali:
        raise ValueError(
            f"train_loader: the labelled data are {'files' if source.read_in_dali else 'shards'} and the unlabelled "
            "ones are not; give both in the same form"
        )
    return Companions(
        views=given.views,
        unlabelled=unlabelled,
        unlabelled_rows=0 if unlabelled is None else given.unlabelled_batch_size or batch_size,
        unlabelled_views=given.unlabelled_views,
        unlabelled_bad=None if unlabelled is None else bad(unlabelled),
        neighbours=None if neighbours is None else _checked_table(neighbours, len(source)),
        neighbour_columns=0 if neighbours is None or policy is None else policy.columns - 1,
    )


def _checked_table(given: Any, samples: int) -> np.ndarray:
    table = checked_table("train_loader", "neighbours", given, samples, "iu", "sample indices")
    if table.min() < 0 or table.max() >= samples:
        raise ValueError(
            f"train_loader: neighbours names samples from {table.min()} to {table.max()}; expected [0, {samples})"
        )
    return table.astype(np.int32)
