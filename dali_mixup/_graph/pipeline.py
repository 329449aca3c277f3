"""Source -> decode -> augment -> mix -> normalise, as one DALI pipeline."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from nvidia.dali import Pipeline, fn

from dali_mixup._graph.decode import Backend, file_content, given_content
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.options import MAX_PIXELS
from dali_mixup._graph.stages import stage
from dali_mixup._graph.views import ViewSpec, made


class Batches(Protocol):
    """The source of a pipeline's batches, called by DALI with the batch's info."""

    @property
    def read_in_dali(self) -> bool:
        """True if the source gives file names rather than their bytes."""

    @property
    def feeds(self) -> Sequence[PlanFeed | None]:
        """How plans enter the graph, for each view; None: it is not mixed."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays that come with the files, as `view_names.named`."""

    def __call__(self, info: Any) -> tuple[Any, ...]: ...


@dataclass(frozen=True)
class PipelineSpec:
    """The parts from which a pipeline is built, apart from the batches.

    Attributes:
        views: what is made of each image, at least one.
        backend: the device, and the decoder's settings.
        device_id: GPU index, None for DALI's CPU backend.
        num_threads: DALI's worker threads, >= 1.
        prefetch: batches prepared ahead, >= 1.
        batch_size: the maximum number of rows of a batch.
        max_pixels: limit for an image that reaches the decoder.
    """

    views: tuple[ViewSpec, ...]
    backend: Backend
    device_id: int | None
    num_threads: int
    prefetch: int
    batch_size: int
    max_pixels: int = MAX_PIXELS

    @property
    def first(self) -> ViewSpec:
        """The first view, in most loaders the only one."""
        return self.views[0]

    @property
    def extras(self) -> tuple[Any, ...]:
        """The user's own functions in all views."""
        return tuple(extra for view in self.views for extra in view.transform.extra)


def build(spec: PipelineSpec, batches: Batches, seeds: Iterator[int], checkpoint: bytes | None) -> Pipeline:
    """The built pipeline; its outputs are those of `views.made`. Restored from `checkpoint` if one is given.

    Passes over the pixels: decode writes the window in uint8, resize writes uint8 (P), flip P, then mixing and
    normalising as counted in `fn.mix`. With the compiled kernels resize and flip are one pass, mixing and normalising
    another, which reads partners where they are. Nothing is rounded between mixing and normalising.
    """
    pipe = Pipeline(
        batch_size=spec.batch_size,
        num_threads=spec.num_threads,
        device_id=spec.device_id,
        prefetch_queue_depth=spec.prefetch,
        seed=next(seeds),
        enable_checkpointing=True,
        checkpoint=checkpoint,
    )

    in_use: deque[tuple[Any, ...]] = deque(maxlen=spec.prefetch + 2)
    on_gpu = spec.device_id is not None

    def planned(info: Any) -> tuple[Any, ...]:
        with stage("plan", on_gpu):
            content = batches(info)
            if not on_gpu:
                files, *arrays = content
                if not batches.read_in_dali:
                    content = ([_unchanging(file) for file in files], *arrays)
                in_use.append(content)
            return content

    with pipe:
        names = batches.names
        # On the CPU DALI works on these arrays themselves (copying 64 photographs of 110 kB took 0.9 ms), so they are
        # kept for the batches under way. Copies to a GPU may still be waiting when their batch is handed out.
        fed = fn.external_source(
            source=planned, num_outputs=1 + len(names), batch=True, batch_info=True, no_copy=not on_gpu
        )
        nodes = dict(zip(names, fed[1:], strict=True))
        encoded = file_content(fed[0]) if batches.read_in_dali else given_content(fed[0])
        pipe.set_outputs(*made(spec.views, batches.feeds, encoded, spec.backend, seeds, nodes))
    pipe.build()
    return pipe


def batches_run(pipe: Pipeline) -> int | None:
    """The number of batches that a built pipeline believes to have run; None if this version of DALI does not tell."""
    return getattr(pipe, "_consumer_iter", None)


def _unchanging(file: np.ndarray) -> np.ndarray:
    """An array that its owner cannot write to while DALI reads it."""
    return file.copy() if file.flags.writeable else file
