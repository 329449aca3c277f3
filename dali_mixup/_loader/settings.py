"""A pipeline's specification from a user's options; automatic choices are logged."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from dali_mixup._cpu import use_compiled
from dali_mixup._epochs.ranks import Rank, usable_cores
from dali_mixup._graph.decode import Backend
from dali_mixup._graph.decoder_load import hw_decoder_load
from dali_mixup._graph.device import chosen_device
from dali_mixup._graph.options import MOST_THREADS, Runtime
from dali_mixup._graph.pipeline import PipelineSpec
from dali_mixup._graph.selftest import window_decoding_works
from dali_mixup._graph.views import ViewSpec
from dali_mixup.sources.base import Source
from dali_mixup.sources.remote.admission import CONNECTIONS, MOST_BYTES

log = logging.getLogger("dali_mixup")

MOST_ROWS = 2**31 - 1


def pipeline_spec(
    owner: str,
    views: Sequence[ViewSpec],
    rank: Rank,
    device: Any,
    runtime: Runtime,
    *,
    training: bool,
    rows: int,
) -> PipelineSpec:
    """The pipeline's specification.

    Args:
        training: whether the transform is for training, where windows are decoded.
        rows: rows of the largest batch.

    Raises:
        TypeError, ValueError: options of another kind, or that do not fit this machine.
    """
    if not isinstance(runtime, Runtime):
        raise TypeError(f"{owner}: runtime={runtime!r}, expected Runtime(...)")
    if rows > MOST_ROWS:
        raise ValueError(
            f"{owner}: {rows} rows per batch, with all accompanying rows; DALI takes at most {MOST_ROWS}"
        )
    kind = views[0].kind
    chosen = chosen_device(device, rank.local_rank)
    gpu = chosen.index if chosen.type == "cuda" else None
    load = hw_decoder_load(runtime.hw_decoder_load, gpu)
    # With several windows of an image it is decoded once, whole.
    windows = training and len({view.window for view in views}) == 1
    roi = runtime.roi_decoding
    if roi == "auto":
        roi = gpu is None or not windows or window_decoding_works(gpu, load)
    return PipelineSpec(
        views=tuple(views),
        backend=Backend(
            gpu=gpu is not None,
            roi=bool(roi) and windows,
            hw_decoder_load=load,
            memory_padding=runtime.memory_padding,
            compiled=use_compiled(
                owner, runtime.cpu_kernels, gpu is not None, "" if kind.usual else str(kind)
            ),
            kind=kind,
        ),
        device_id=gpu,
        num_threads=_threads(owner, runtime.num_threads, rank),
        prefetch=runtime.prefetch,
        batch_size=rows,
        max_pixels=runtime.max_pixels,
    )


def read_ahead(owner: str, runtime: Runtime, sources: Iterable[Source | None], rows: int) -> int:
    """Batches read ahead; an automatic choice is logged.

    Args:
        sources: the data of the loader; None for those that it does not have.
        rows: rows of a batch.
    """
    if runtime.read_ahead is not None:
        return runtime.read_ahead
    if not any(source is not None and source.remote for source in sources):
        return 0
    batches = max(2, -(-2 * CONNECTIONS // rows))
    log.info(
        "%s: read_ahead=%d batches, since the data are remote (at most %d requests at a time, %d MB ahead)",
        owner,
        batches,
        CONNECTIONS,
        MOST_BYTES >> 20,
    )
    return batches


def _threads(owner: str, given: int | None, rank: Rank) -> int:
    if given is not None:
        return given
    usable = usable_cores()
    threads = usual_threads(rank.cores(usable))
    log.info(
        "%s: num_threads=%d (%d usable cores, %d of %d processes here)",
        owner,
        threads,
        usable,
        rank.local_world_size,
        rank.world_size,
    )
    return threads


def usual_threads(cores: int) -> int:
    """DALI's worker threads where none are given: one more than the process's cores.

    The loop's thread takes part of a core from one of the workers, and every operator waits for its last image. With
    one worker more, another takes over: packed images 1.15 times as fast on two cores, whole files as fast as before.
    """
    return min(cores + 1, MOST_THREADS)
