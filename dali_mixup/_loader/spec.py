"""The specification of a loader, before anything is built."""

from __future__ import annotations

import logging
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
from dali_mixup._epochs.walk import Walk
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.gate import Gate
from dali_mixup._graph.pipeline import PipelineSpec
from dali_mixup._loader.companions import Companions
from dali_mixup._loader.cursor import Cursor
from dali_mixup._loader.masks import MaskReader
from dali_mixup._seeding import seed_of_view
from dali_mixup._version import __version__
from dali_mixup.sources.bad_files import BadFiles, Skip
from dali_mixup.sources.base import Source
from dali_mixup.sources.masks.pairs import ImagesWithMasks

log = logging.getLogger("dali_mixup")


@dataclass(frozen=True, eq=False)  # arrays have no equality
class LoaderSpec:
    """The specification of a `MixLoader`. `train_loader` and `val_loader` make one.

    Attributes:
        source: the samples.
        pipeline: the processing of their pixels.
        layout: the division of an epoch among ranks and steps.
        rank: the rank of this process.
        policies: the rules of mixing, for each view of the pipeline; None: it is not mixed.
        seed: seed of order, mixing and augmentation.
        order: the global order of every epoch.
        targets: "dense", "compact" or "labels" (int64 class ids).
        num_classes: columns of dense targets.
        labels: (samples,) class ids to train on.
        vectors: (samples, C) float32 targets instead of class ids, or None.
        skip: leave out samples that cannot be decoded; None: they are errors.
        companions: rows that accompany every batch.
        records: whether batches come with a `MixRecord`.
        elastic: whether a state of another number of ranks or batch size may be loaded; None: never, for validation.
        read_ahead: batches whose images are read before they are due.
        labelled_views: how many of the views, the first ones, labelled samples have.
        unlabelled_views: the numbers of the views of the unlabelled samples.
        several_views: whether the images and mixed targets of a batch are tuples.
    """

    source: Source
    pipeline: PipelineSpec
    layout: EpochLayout
    rank: Rank
    policies: tuple[MixPolicy | None, ...]
    seed: int
    order: Order
    targets: str
    num_classes: int
    labels: np.ndarray
    vectors: np.ndarray | None = None
    skip: Skip | None = None
    companions: Companions = field(default_factory=Companions)
    records: bool = False
    elastic: bool | None = None
    read_ahead: int = 0
    labelled_views: int = 1
    unlabelled_views: tuple[int, ...] = ()
    several_views: bool = False

    @cached_property
    def mixed_views(self) -> tuple[int, ...]:
        """The numbers of the views of labelled samples that are mixed. Not found by a generator: Ctrl-C while one is
        dropped is lost."""
        return tuple([k for k in range(self.labelled_views) if self.policies[k] is not None])

    @property
    def mixed_view(self) -> int:
        """The number of the first of these, or 0."""
        return self.mixed_views[0] if self.mixed_views else 0

    @property
    def policy(self) -> MixPolicy | None:
        """The policy of that view."""
        return self.policies[self.mixed_view]

    def seed_of(self, view: int) -> int:
        """The seed of a view's mixing and augmentation."""
        return seed_of_view(self.seed, view)

    @property
    def device(self) -> torch.device:
        """Device of the batches."""
        gpu = self.pipeline.device_id
        return torch.device("cpu") if gpu is None else torch.device("cuda", gpu)

    @property
    def remote(self) -> bool:
        """True if some of the images are fetched from their URLs."""
        unlabelled = self.companions.unlabelled
        return self.source.remote or (unlabelled is not None and unlabelled.remote)

    def indices(self, epoch: int) -> np.ndarray:
        """(n,) int32 or int64, the global order of an epoch."""
        return self.order.indices(self.seed, epoch, self.labels)

    @property
    def paired(self) -> ImagesWithMasks | None:
        """The source, if its images have masks."""
        return self.source if isinstance(self.source, ImagesWithMasks) else None

    def mask_reader(self) -> MaskReader | None:
        """A new reader of the masks; None without masks."""
        if self.paired is None:
            return None
        pipeline = self.pipeline
        kind = pipeline.backend.kind
        return MaskReader(self.paired, self.num_classes, pipeline.max_pixels, pipeline.num_threads, kind)

    def walk(self, cursor: Cursor) -> Walk:
        """The walk of the cursor's pipeline, so that DALI's checkpoint fits; else one that begins at the cursor.

        Raises:
            ValueError: the loader has no such address.
        """
        start: Any = cursor.run if self.owns(cursor) else cursor
        address = {"epoch": start.epoch, "step": start.step, "offset": start.offset}
        return Walk(self.layout, self.rank.rank, **address, interleaved=self.order.interleaved)

    def owns(self, cursor: Cursor) -> bool:
        """True if the cursor has a pipeline's state that this rank can continue."""
        return cursor.run is not None and cursor.run.rank == self.rank.rank

    def bad_files(self, known: Any = ()) -> BadFiles:
        """The samples to leave out, those known from a state first."""
        return BadFiles(len(self.source), self.skip, known)

    @cached_property
    def gate(self) -> Gate:
        """The gate that samples pass before the decoder; it remembers the result as long as the loader lives."""
        backend = self.pipeline.backend
        return Gate(self.pipeline.max_pixels, backend.kind, backend.compiled)

    @cached_property
    def feeds(self) -> tuple[PlanFeed | None, ...]:
        """The form in which plans enter the graph, for each view; None without mixing."""
        compiled = self.pipeline.backend.compiled
        return tuple(
            None if policy is None else PlanFeed(policy, view.mean, view.std, *view.transform.size, compiled)
            for policy, view in zip(self.policies, self.pipeline.views, strict=True)
        )

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """The values that a saved state must share so that the run continues bit for bit, JSON-able."""
        unlabelled, first = self.companions.unlabelled, self.pipeline.first
        kind = self.pipeline.backend.kind
        return {
            "dali_mixup": __version__,
            "dali": nvidia.dali.__version__,
            "data": self.source.fingerprint(),
            "samples": len(self.source),
            "epoch_samples": self.layout.samples,
            "seed": self.seed,
            "order": described(self.order),
            "batch_size": self.layout.batch_size,
            "world_size": self.layout.world_size,
            "drop_last": self.layout.drop_last,
            "policy": described(self.policies[0]),
            "transform": described(first.transform),
            "mean": described(first.mean),
            "std": described(first.std),
            "dtype": first.dtype,
            "gpu": self.pipeline.backend.gpu,
            "roi_decoding": self.pipeline.backend.roi,
            "cpu_kernels": "numba" if self.pipeline.backend.compiled else "dali",
            "labels": digest(self.labels),
            "vectors": digest(self.vectors),
            "unlabelled": None if unlabelled is None else unlabelled.fingerprint(),
            "unlabelled_rows": self.companions.unlabelled_rows,
            "clean": first.clean,
            **({} if not (self.several_views or self.unlabelled_views) else {"views": self._views}),
            **({} if self.paired is None else {"mask_classes": self.num_classes}),
            **({} if kind.usual else {"pixels": str(kind)}),
        }

    @property
    def _views(self) -> dict[str, Any]:
        """The further views, in a fingerprint."""
        further = [
            (view.transform, view.mean, view.std, view.dtype, view.window) for view in self.pipeline.views[1:]
        ]
        return {
            "further": described(further),
            "policies": described(self.policies[1:]),
            "of_unlabelled": list(self.unlabelled_views),
        }
