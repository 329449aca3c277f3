"""A pipeline's specification from what a user gave; what is chosen for the user is logged."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

import torch

from dali_mixup._checks import integer, number
from dali_mixup._cpu import use_compiled
from dali_mixup._epochs.ranks import Rank
from dali_mixup._graph.device import resolve
from dali_mixup._graph.feed import channels
from dali_mixup._graph.pipeline import DTYPES, PipelineSpec
from dali_mixup._graph.selftest import window_decoding_works
from dali_mixup.augment import Backend, TrainTransform, ValTransform

log = logging.getLogger("dali_mixup")


def pipeline_spec(
    owner: str,
    transform: TrainTransform | ValTransform,
    place: Rank,
    *,
    device: str | int | torch.device,
    roi_decoding: bool | str,
    hw_decoder_load: float,
    memory_padding: int,
    cpu_kernels: str,
    mean: Sequence[float],
    std: Sequence[float],
    dtype: torch.dtype,
    channels_last: bool,
    num_threads: int | None,
    prefetch: int,
    batch_size: int,
    clean: bool = False,
) -> PipelineSpec:
    """The pipeline's specification from a user's arguments; what is chosen for the user is logged."""
    if not isinstance(dtype, torch.dtype) or dtype not in DTYPES:
        raise ValueError(f"{owner}: dtype={dtype!r}, expected one of {', '.join(map(str, DTYPES))}")
    if not isinstance(roi_decoding, bool) and not (isinstance(roi_decoding, str) and roi_decoding == "auto"):
        raise ValueError(f"{owner}: roi_decoding={roi_decoding!r}, expected True, False or 'auto'")
    number(owner, "hw_decoder_load", hw_decoder_load, at_least=0, at_most=1)
    means, stds = channels(owner, mean, std)
    if len(means) != 3:
        raise ValueError(f"{owner}: mean={mean!r}, std={std!r}; expected 3 numbers each, one a colour")
    chosen = resolve(device, place.local_rank)
    gpu = chosen.index if chosen.type == "cuda" else None
    compiled = use_compiled(owner, cpu_kernels, gpu is not None)
    if roi_decoding == "auto":
        roi_decoding = gpu is None or window_decoding_works(gpu)
    return PipelineSpec(
        transform=transform,
        backend=Backend(
            gpu=gpu is not None,
            roi=bool(roi_decoding),
            hw_decoder_load=hw_decoder_load,
            memory_padding=integer(owner, "memory_padding", memory_padding, at_least=0),
            compiled=compiled,
        ),
        mean=means,
        std=stds,
        dtype=dtype,
        channels_last=channels_last,
        device_id=gpu,
        num_threads=_threads(owner, num_threads, place),
        prefetch=integer(owner, "prefetch", prefetch, at_least=1),
        batch_size=batch_size,
        clean=clean,
    )


def _threads(owner: str, given: int | None, place: Rank) -> int:
    if given is not None:
        return integer(owner, "num_threads", given, at_least=1)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = max(1, usable // place.local_world_size)
    log.info(
        "%s: num_threads=%d (%d usable cores, %d processes here)",
        owner,
        threads,
        usable,
        place.local_world_size,
    )
    return threads
