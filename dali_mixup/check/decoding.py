"""Which samples DALI's CPU decoder fails on: the judgement that counts, since it is DALI that will decode them."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Decoded:
    """How the samples of a batch decoded.

    failing: DALI's reason for each sample that did not.
    damaged: the JPEG library's remark on each sample that did, although its compressed data are not in order.
    """

    failing: dict[int, str]
    damaged: dict[int, str]


class Decoder:
    """Decodes whole images on the CPU as training does."""

    def __init__(self, source: Source, threads: int) -> None:
        self._source, self._threads = source, threads
        self._pipe: Pipeline | None = None

    def decode(self, indices: Sequence[int]) -> Decoded:
        """How these samples, at most MOST_FILES, decode."""
        error, remark = self._run(indices)
        if error is None and remark is None:
            return Decoded({}, {})
        if len(indices) > 1:
            # One bad image fails its whole batch, often without a name. Halving finds few bad ones in few passes.
            half = len(indices) // 2
            left, right = self.decode(indices[:half]), self.decode(indices[half:])
            return Decoded(left.failing | right.failing, left.damaged | right.damaged)
        if error is not None:
            return Decoded({indices[0]: error}, {})
        return Decoded({}, {indices[0]: remark or ""})

    def _run(self, indices: Sequence[int]) -> tuple[str | None, str | None]:
        error = None
        with _stderr() as said:
            try:
                self._pipe = self._pipe or self._built()
                self._pipe.run(sample=self._source.feed(np.asarray(indices)))
            except Exception as failure:
                self._pipe = None  # DALI promises nothing for a pipeline after an error
                error = _words(str(failure))
        remark = re.search(r"Corrupt JPEG data.*", "".join(said))
        return error, remark and remark.group()

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
def _stderr() -> Iterator[list[str]]:
    """What is written to stderr meanwhile, by the decoders' C libraries too, instead of letting it through.

    Their lines name no file. The list is filled at the end.
    """
    said: list[str] = []
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            file.seek(0)
            said.append(file.read().decode(errors="replace"))


def _words(message: str) -> str:
    """The part of DALI's message that says what happened, without the graph around it."""
    said = re.search(r"encountered:\s*(.*?)\s*(?:C\+\+ context|Current pipeline|$)", message, re.DOTALL)
    return "DALI: " + " ".join((said.group(1) if said else message).split())
