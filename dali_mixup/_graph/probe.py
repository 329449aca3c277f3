"""The samples that make DALI fail, which its own errors often do not name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from nvidia.dali import Pipeline, fn

from dali_mixup._graph.decode import Backend, file_content, middle, whole_image, words
from dali_mixup._graph.look import UnfitError, encoded_sample, explained, good_image
from dali_mixup._graph.options import MAX_PIXELS
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup.sources.bad_files import BadFile
from dali_mixup.sources.base import Source
from dali_mixup.sources.feeding import fed


def undecodable(
    source: Source, indices: Sequence[int], windows: bool, kind: PixelKind = USUAL
) -> list[BadFile]:
    """The samples among `indices`, which passed the gate, on which the CPU decoder fails, each decoded by itself.

    Args:
        windows: decode a window of each, too.
        kind: the pixels to decode.

    Raises:
        RuntimeError: it also fails on a good image: then no file is at fault.
        Exception: whatever a source raises that is neither an OSError nor a ValueError: no file is at fault either.
    """
    found, pipe = [], None
    for index in indices:
        try:
            sample = fed(source, np.array([index]))
        except (OSError, ValueError) as error:
            found.append(BadFile(int(index), source.name(int(index)), _reason(error, source, int(index))))
            continue
        try:
            pipe = pipe or _one_at_a_time(source.read_in_dali, windows, kind)
            pipe.run(sample=sample)
        except Exception as error:
            _one_at_a_time(False, windows, kind).run(sample=[good_image(kind=kind)])
            found.append(BadFile(int(index), source.name(int(index)), _reason(error, source, int(index))))
            pipe = None  # DALI guarantees nothing for a pipeline after an error
    return found


def culprits(rows: Sequence[int], fails: Callable[[frozenset[int]], bool]) -> list[int]:
    """The rows of a batch, in ascending order, that make it fail.

    Args:
        fails: whether the batch fails with only these rows unchanged and good images replacing the others. It is
            called for smaller and smaller parts. A batch that fails without any of its rows, or no longer fails with
            all of them, has no culprit.
    """
    if fails(frozenset()) or not fails(frozenset(rows)):
        return []
    found: list[int] = []
    parts = [list(rows)]
    while parts:
        part = parts.pop()
        if len(part) == 1:
            found += part
            continue
        half = len(part) // 2
        # Rows that fail only together, for example if memory is short, are not at fault.
        parts += [some for some in (part[:half], part[half:]) if fails(frozenset(some))]
    return sorted(found)


def _one_at_a_time(read_in_dali: bool, windows: bool, kind: PixelKind) -> Pipeline:
    """Reading and decoding, for batches of one."""
    pipe = Pipeline(batch_size=1, num_threads=1, device_id=None, prefetch_queue_depth=1)
    with pipe:
        fed = fn.external_source(name="sample")
        encoded = file_content(fed) if read_in_dali else fed
        backend = Backend(gpu=False, kind=kind)
        pipe.set_outputs(whole_image(encoded, backend), *([middle(encoded, backend)] if windows else []))
    pipe.build()
    return pipe


def _reason(error: Exception, source: Source, index: int) -> str:
    message = words(str(error))
    try:
        return str(explained(encoded_sample(source, index, MAX_PIXELS), MAX_PIXELS, message))
    except UnfitError as unfit:  # it has changed meanwhile
        return str(unfit)
