"""The samples that make DALI fail, which its own errors often do not name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from nvidia.dali import Pipeline, fn

from dali_mixup._graph.decode import Backend, middle, whole_image, words
from dali_mixup._graph.look import UnfitError, encoded_sample, explained, good_image
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup.sources.bad_files import BadFile
from dali_mixup.sources.base import Source


def undecodable(
    source: Source, indices: Sequence[int], windows: bool, max_pixels: int, kind: PixelKind = USUAL
) -> list[BadFile]:
    """The samples among `indices`, which passed the gate, on which the CPU decoder fails, each decoded by itself.

    Args:
        windows: decode a window of each, too.
        max_pixels: limit for an image.
        kind: the pixels to decode.

    Raises:
        RuntimeError: it also fails on a good image: then no file is at fault.
        StorageError: a sample cannot be read at present: no file is at fault either.
        Exception: whatever a source raises that is neither an OSError nor a ValueError: nor is one here.
    """
    found, pipe = [], None
    for index in indices:
        try:
            # Patiently, and also what DALI reads itself: a storage that fails for a moment is no fault of the file.
            encoded = encoded_sample(source, index, max_pixels, kind)
        except UnfitError as unfit:
            found.append(_bad(source, index, str(unfit)))
            continue
        try:
            pipe = pipe or _one_at_a_time(windows, kind)
            pipe.run(sample=[np.frombuffer(encoded, np.uint8)])
        except Exception as error:
            _one_at_a_time(windows, kind).run(sample=[good_image(kind=kind)])
            found.append(_bad(source, index, str(explained(encoded, max_pixels, words(str(error))))))
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


def _one_at_a_time(windows: bool, kind: PixelKind) -> Pipeline:
    """Decoding, for batches of one."""
    pipe = Pipeline(batch_size=1, num_threads=1, device_id=None, prefetch_queue_depth=1)
    with pipe:
        encoded = fn.external_source(name="sample")
        backend = Backend(gpu=False, kind=kind)
        pipe.set_outputs(whole_image(encoded, backend), *([middle(encoded, backend)] if windows else []))
    pipe.build()
    return pipe


def _bad(source: Source, index: int, reason: str) -> BadFile:
    return BadFile(int(index), source.name(int(index)), reason)
