"""A pipeline's specification from a user's options; automatic choices are logged."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from dali_mixup._cpu import use_compiled
from dali_mixup._epochs.ranks import Rank, usable_cores
from dali_mixup._graph.decode import Backend
from dali_mixup._graph.decoder_load import hw_decoder_load
from dali_mixup._graph.device import chosen_device
from dali_mixup._graph.options import MOST_THREADS, Output, Runtime
from dali_mixup._graph.pipeline import DTYPES, PipelineSpec, Transform
from dali_mixup._graph.selftest import window_decoding_works
from dali_mixup.sources.base import Source
from dali_mixup.sources.remote.transfers import CONNECTIONS, MOST_BYTES

log = logging.getLogger("dali_mixup")

MOST_ROWS = 2**31 - 1


def pipeline_spec(
    owner: str,
    transform: Transform,
    rank: Rank,
    device: Any,
    output: Output,
    runtime: Runtime,
    *,
    training: bool,
    rows: int,
    clean: bool = False,
) -> PipelineSpec:
    """The pipeline's specification.

    Args:
        training: whether the transform is for training, where windows are decoded.
        rows: rows of the largest batch.

    Raises:
        TypeError, ValueError: options of another kind, or that do not fit images of three colours or this machine.
    """
    for name, given, kind in (("output", output, Output), ("runtime", runtime, Runtime)):
        if not isinstance(given, kind):
            raise TypeError(f"{owner}: {name}={given!r}, expected {kind.__name__}(...)")
    if output.dtype not in DTYPES:
        raise ValueError(
            f"{owner}: output has dtype={output.dtype!r}, expected one of {', '.join(map(repr, DTYPES))}"
        )
    if rows > MOST_ROWS:
        raise ValueError(
            f"{owner}: {rows} rows per batch, with all accompanying rows; DALI takes at most {MOST_ROWS}"
        )
    mean, std = output.of_channels(owner, 3)
    chosen = chosen_device(device, rank.local_rank)
    gpu = chosen.index if chosen.type == "cuda" else None
    load = hw_decoder_load(runtime.hw_decoder_load, gpu)
    roi = runtime.roi_decoding
    if roi == "auto":
        roi = gpu is None or not training or window_decoding_works(gpu, load)
    return PipelineSpec(
        transform=transform,
        backend=Backend(
            gpu=gpu is not None,
            roi=bool(roi) and training,
            hw_decoder_load=load,
            memory_padding=runtime.memory_padding,
            compiled=use_compiled(owner, runtime.cpu_kernels, gpu is not None),
        ),
        mean=mean,
        std=std,
        dtype=output.dtype,
        channels_last=output.channels_last,
        device_id=gpu,
        num_threads=_threads(owner, runtime.num_threads, rank),
        prefetch=runtime.prefetch,
        batch_size=rows,
        clean=clean,
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
        "%s: num_threads=%d (%d usable cores, %d processes here)",
        owner,
        threads,
        usable,
        rank.local_world_size,
    )
    return threads


def usual_threads(cores: int) -> int:
    """DALI's worker threads where none are given: one more than the process's cores.

    The loop's thread takes part of a core from one of the workers, and every operator waits for its last image. With
    one worker more, another takes over: packed images 1.15 times as fast on two cores, whole files as fast as before.
    """
    return min(cores + 1, MOST_THREADS)
