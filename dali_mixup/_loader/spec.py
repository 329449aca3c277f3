"""Everything a loader is, before anything is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import nvidia.dali
import torch

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._epochs.layout import EpochLayout
from dali_mixup._epochs.orders import Order
from dali_mixup._epochs.ranks import Rank
from dali_mixup._epochs.state import described, digest
from dali_mixup._graph.pipeline import PipelineSpec
from dali_mixup._loader.companions import Companions
from dali_mixup._version import __version__
from dali_mixup.sources.base import Source


@dataclass(frozen=True, eq=False)  # arrays have no equality
class LoaderSpec:
    """What a `MixLoader` hands out. Use `train_loader` or `val_loader` to make one.

    Attributes:
        source: the samples.
        pipeline: what happens to their pixels.
        layout: how an epoch is dealt to ranks and steps.
        rank: which share is this process's.
        policy: how batches are mixed; None: not at all.
        seed: of order, mixing and augmentation.
        order: the global order of every epoch.
        targets: "dense", "compact" or "labels" (int64 class ids).
        num_classes: columns of dense targets.
        elastic: whether a state of another number of ranks or batch size may be loaded.
        on_error: "raise" or "skip", for samples that cannot be decoded.
        max_errors: how many of them may be skipped.
        labels: (samples,) class ids to train on where they are not the source's.
        vectors: (samples, C) float32 targets in the place of class ids, or None.
        companions: rows that accompany every batch.
        records: whether batches come with a `MixRecord`.
        read_ahead: batches whose files are read into the page cache before they are due.
    """

    source: Source
    pipeline: PipelineSpec
    layout: EpochLayout
    rank: Rank
    policy: MixPolicy | None
    seed: int
    order: Order
    targets: str
    num_classes: int
    elastic: bool = False
    on_error: str = "raise"
    max_errors: int = 0
    labels: np.ndarray | None = None
    vectors: np.ndarray | None = None
    companions: Companions = field(default_factory=Companions)
    records: bool = False
    read_ahead: int = 0

    @property
    def device(self) -> torch.device:
        """Where the batches are."""
        gpu = self.pipeline.device_id
        return torch.device("cpu") if gpu is None else torch.device("cuda", gpu)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What a saved state must agree with so that the run continues bit for bit, as JSON-able values."""
        unlabelled = self.companions.unlabelled
        return {
            "dali_mixup": __version__,
            "dali": nvidia.dali.__version__,
            "data": self.source.fingerprint(),
            "samples": len(self.source),
            "seed": self.seed,
            "order": self.order.describe(),
            "batch_size": self.layout.batch_size,
            "world_size": self.layout.world_size,
            "drop_last": self.layout.drop_last,
            "policy": described(self.policy),
            "transform": described(self.pipeline.transform),
            "mean": described(self.pipeline.mean),
            "std": described(self.pipeline.std),
            "dtype": str(self.pipeline.dtype),
            "gpu": self.pipeline.backend.gpu,
            "roi_decoding": self.pipeline.backend.roi,
            "cpu_kernels": "numba" if self.pipeline.backend.compiled else "dali",
            "labels": digest(self.labels),
            "vectors": digest(self.vectors),
            "neighbours": digest(self.companions.neighbours),
            "unlabelled": None if unlabelled is None else unlabelled.fingerprint(),
            "views": [
                self.companions.views,
                self.companions.unlabelled_rows,
                self.companions.unlabelled_views,
            ],
            "clean": self.pipeline.clean,
        }
