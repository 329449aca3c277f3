"""One batch's address and decisions. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dali_mixup._decide.plan import MixPlan
from dali_mixup._loader.maps import Maps
from dali_mixup.sources.bad_files import BadFiles
from dali_mixup.sources.base import Source


@dataclass(frozen=True)
class Batch:
    """One batch's address and decisions.

    Attributes:
        epoch, step: address; step counts from 0 in each epoch, and goes on where an elastic resume continues one.
        indices: (N,) int64 samples of the source, in the batch's order; stand-ins for samples that were left out.
        labels: (N,) int64 the class ids to train on.
        plans: the mixing plan of each view of the pipeline, whose rows are the labelled samples, or in a view that
            only they have the unlabelled ones; None without mixing.
        row_indices, row_labels: (R,) int64 samples and class ids of all R >= N rows from which partners come, -1 for
            unlabelled ones.
        unlabelled: (M,) int64 samples of the unlabelled stream that come with the batch.
        reads: the reads for the rows, in their order: (source, indices, mask of those that are left out).
        maps: for each view of the labelled samples the class ids of the pixels of all rows, and the rows' windows; ()
            without masks.
    """

    epoch: int
    step: int
    indices: np.ndarray
    labels: np.ndarray
    plans: tuple[MixPlan | None, ...]
    row_indices: np.ndarray
    row_labels: np.ndarray
    unlabelled: np.ndarray
    reads: tuple[tuple[Source, np.ndarray, BadFiles], ...]
    maps: tuple[Maps, ...] = ()
