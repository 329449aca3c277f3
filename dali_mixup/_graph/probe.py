"""Which samples make DALI fail. Its own errors often do not say, so each is decoded by itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

import numpy as np
from nvidia.dali import Pipeline, fn

from dali_mixup._graph.decode import Backend, whole_image
from dali_mixup._graph.pipeline import PipelineSpec
from dali_mixup.sources.bad_files import BadFile
from dali_mixup.sources.base import Source


def unusable(spec: PipelineSpec, source: Source, indices: Sequence[int]) -> list[BadFile]:
    """The samples among `indices` that cannot be read or decoded.

    They are tried on the CPU first, and on the GPU only where the CPU finds nothing wrong. If every one fails
    there, the GPU is at fault and not the files.
    """
    found = list(_failing(Backend(gpu=False), None, source, indices))
    if not found and spec.backend.gpu:
        found = list(_failing(spec.backend, spec.device_id, source, indices))
        if len(found) == len(indices):
            return []
    return found


def _failing(
    backend: Backend, device_id: int | None, source: Source, indices: Sequence[int]
) -> Iterator[BadFile]:
    pipe: Pipeline | None = None
    for index in indices:
        try:
            sample = source.feed(np.array([index]))
            pipe = pipe or _one_at_a_time(backend, device_id, source.read_in_dali)
            pipe.run(sample=sample)
        except Exception as error:
            yield BadFile(int(index), source.name(int(index)), _reason(error, source, int(index)))
            pipe = None  # DALI does not promise anything for a pipeline after an error


def _one_at_a_time(backend: Backend, device_id: int | None, read_in_dali: bool) -> Pipeline:
    """Reading and decoding, for batches of one."""
    pipe = Pipeline(batch_size=1, num_threads=1, device_id=device_id, prefetch_queue_depth=1)
    with pipe:
        fed = fn.external_source(name="sample")
        pipe.set_outputs(whole_image(fn.io.file.read(fed) if read_in_dali else fed, backend))
    pipe.build()
    return pipe


def _reason(error: Exception, source: Source, index: int) -> str:
    """The part of DALI's message that says what happened, without the graph around it."""
    said = re.search(r"encountered:\s*(.*?)\s*(?:C\+\+ context|Current pipeline|$)", str(error), re.DOTALL)
    reason = " ".join((said.group(1) if said else str(error)).split())
    if source.read_in_dali:
        path = source.name(index)
        if not os.path.exists(path):
            return f"there is no such file ({reason})"
        if os.path.getsize(path) == 0:
            return f"the file is empty ({reason})"
    return reason or type(error).__name__
