"""Which samples DALI's CPU decoder fails on: the judgement that counts, since it is DALI that will decode them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from nvidia.dali import Pipeline, fn

from dali_mixup.sources.base import Source

MOST_FILES, MOST_PIXELS = 64, 100_000_000
"""Bounds of a batch: decoded images take three bytes per pixel, all of a batch at once."""


def batches(indices: Sequence[int], pixels: Sequence[int]) -> Iterator[list[int]]:
    """Cuts `indices`, of images with so many `pixels`, into batches within the bounds; a huge image goes alone."""
    batch: list[int] = []
    held = 0
    for index, size in zip(indices, pixels, strict=True):
        if batch and (len(batch) == MOST_FILES or held + size > MOST_PIXELS):
            yield batch
            batch, held = [], 0
        batch.append(index)
        held += size
    if batch:
        yield batch


class Decoder:
    """Decodes whole images on the CPU as training does, and says which fail."""

    def __init__(self, source: Source, threads: int) -> None:
        self._source, self._threads = source, threads
        self._pipe: Pipeline | None = None

    def failing(self, indices: Sequence[int]) -> dict[int, str]:
        """The samples among at most MOST_FILES `indices` that do not decode, with DALI's reason."""
        reason = self._failure(indices)
        if reason is None:
            return {}
        if len(indices) == 1:
            return {indices[0]: reason}
        # One bad image fails the whole batch, often without a name. Halving finds few bad ones in few passes.
        half = len(indices) // 2
        return self.failing(indices[:half]) | self.failing(indices[half:])

    def _failure(self, indices: Sequence[int]) -> str | None:
        try:
            fed = self._source.feed(np.asarray(indices))
            self._pipe = self._pipe or self._built()
            with _quiet():
                self._pipe.run(sample=fed)
        except Exception as error:
            self._pipe = None  # DALI promises nothing for a pipeline after an error
            return _words(str(error))
        return None

    def _built(self) -> Pipeline:
        pipe = Pipeline(MOST_FILES, num_threads=self._threads, device_id=None, prefetch_queue_depth=1)
        with pipe:
            encoded = fn.external_source(name="sample")
            if self._source.read_in_dali:
                encoded = fn.io.file.read(encoded)
            pipe.set_outputs(fn.decoders.image(encoded, device="cpu", adjust_orientation=False))
        pipe.build()
        return pipe


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the lines that the decoders' C libraries write to stderr: they name no file, and the report does."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _words(message: str) -> str:
    """The part of DALI's message that says what happened, without the graph around it."""
    said = re.search(r"encountered:\s*(.*?)\s*(?:C\+\+ context|Current pipeline|$)", message, re.DOTALL)
    return "DALI: " + " ".join((said.group(1) if said else message).split())
