"""The gate before the decoder: every sample passes it once, and what passed is remembered."""

from __future__ import annotations

import logging
import os
import resource
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dali_mixup._graph.head import Head, look_at, look_in
from dali_mixup._graph.look import Look, UnfitError, longest_file
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup._graph.trial import Trial
from dali_mixup._repr import escaped
from dali_mixup.sources.bad_files import BadFile
from dali_mixup.sources.base import Source
from dali_mixup.sources.feeding import fed, padded
from dali_mixup.sources.reading import StorageError

log = logging.getLogger("dali_mixup")

TRIED = frozenset({"JPEG2000"})
"""Formats whose header says too little: their damage can kill the process that decodes. Of 6,000 damaged images of
other formats, decoded beside good ones, none did, nor did any of 19,500 of which windows were decoded."""

_SLOW, _MOST_SLOW, _THREADS = 1e-3, 2, 32
"""Seconds from which a look that waited did so for slow storage; such looks of a batch after which many threads wait;
and those threads: a network file system takes several round trips for a file."""


def _waits() -> int:
    """How often this thread has waited so far, but for a processor: beside the decoder's threads that is the usual
    reason why a look takes long, and many threads would make it worse."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


class Gate:
    """The samples, of any number of sources, that may reach the decoder.

    Args:
        max_pixels: limit for an image.
        kind: the pixels that are decoded.
        compiled: recognise ordinary JPEGs by compiled code, in a fifth of the time; for where Numba is loaded anyway.
    """

    def __init__(self, max_pixels: int, kind: PixelKind = USUAL, compiled: bool = False):
        self.max_pixels, self.kind = max_pixels, kind
        self._compiled = compiled and kind.usual
        self._warned = kind.bits > USUAL.bits
        self._passed: weakref.WeakKeyDictionary[Source, np.ndarray] = weakref.WeakKeyDictionary()
        self._trial = Trial(threads=1, kind=kind)

    def refused(self, source: Source, indices: np.ndarray, *, anew: bool = False) -> list[BadFile]:
        """The samples among `indices` that must not reach the decoder, in ascending order.

        Args:
            anew: check the samples that passed before too: they may have changed.

        Raises:
            StorageError: samples cannot be read at present and are not to blame.
        """
        passed = self._passed.setdefault(source, np.zeros(len(source), dtype=bool))
        if anew:
            passed[indices] = False
        unseen = indices[~passed[indices]]
        if not unseen.size:
            return []
        unseen, late = np.unique(unseen), False
        if self._compiled and source.read_in_dali:
            usual, late = self._recognised(source, unseen)
            passed[unseen[usual]] = True
            unseen = unseen[~usual]
        looks = self._looks(source, unseen.tolist(), late)
        refused: list[BadFile] = []
        for index, found in zip(unseen.tolist(), looks, strict=True):
            reason = str(found) if isinstance(found, UnfitError) else self._tried(source, index, found)
            if reason is None:
                passed[index] = True
                if isinstance(found, Look) and found.colours != "PALETTE":
                    self._warn_once(source, index, found.bits)
            else:
                refused.append(BadFile(index, source.name(index), reason))
        return refused

    def close(self) -> None:
        """End the process that tries samples, until it is needed again."""
        self._trial.close()

    def _recognised(self, source: Source, indices: np.ndarray) -> tuple[np.ndarray, bool]:
        """Which of the samples are ordinary JPEGs; and whether the storage is slow."""
        from dali_mixup._cpu.beginnings import recognised

        names = padded([os.fsencode(source.name(index)) for index in indices.tolist()])
        return recognised(names, longest_file(self.max_pixels, self.kind), self.max_pixels, _SLOW, _MOST_SLOW)

    def _looks(self, source: Source, indices: Sequence[int], late: bool) -> list[Look | UnfitError]:
        """Parse the headers. On high-latency storage many threads wait for whole files at once, so that the decoder
        finds them in the page cache; elsewhere threads would only wait for each other, and the beginning of a file is
        enough.

        Args:
            late: the storage is already known to be slow.
        """

        def one(index: int, head: Head | None = None) -> Look | UnfitError:
            try:
                return look_at(source, index, self.max_pixels, head, self.kind)
            except UnfitError as error:
                return error

        if source.remote and not source.read_in_dali:  # else only the masks are remote
            return self._of_remote(source, indices) or [one(index) for index in indices]
        looks, slow, head = [], 0, Head()
        now, waits = time.perf_counter(), _waits()
        for index in () if late else indices:
            looks.append(one(index, head))
            before, now = now, time.perf_counter()
            waited_before, waits = waits, _waits()
            slow += now - before > _SLOW and waits > waited_before
            if slow == _MOST_SLOW:
                break
        rest = indices[len(looks) :]
        if rest:
            with ThreadPoolExecutor(_THREADS, "dali-mixup-look") as threads:
                looks += threads.map(one, rest)
        return looks

    def _of_remote(self, source: Source, indices: Sequence[int]) -> list[Look | UnfitError]:
        """As `_looks`, for images that all are under way already; empty if one of them cannot be read."""
        try:
            encoded = fed(source, np.array(indices))
        except StorageError:
            raise
        except (OSError, ValueError):
            return []
        looks: list[Look | UnfitError] = []
        for content in encoded:
            try:
                looks.append(look_in(content, self.max_pixels, self.kind))
            except UnfitError as error:
                looks.append(error)
        return looks

    def _warn_once(self, source: Source, index: int, bits: int) -> None:
        """Say that 16 bits become 8: of samples that use few of the 16, almost nothing is left."""
        if bits > self.kind.bits and not self._warned:
            self._warned = True
            log.warning(
                "%s has %d bits, which are scaled to 8, as those of other such images are; Output(bits=16, ...) keeps "
                "them",
                escaped(source.name(index)),
                bits,
            )

    def _tried(self, source: Source, index: int, found: Look) -> str | None:
        """The reason why a sample cannot be decoded, if only a trial can tell; None if it can, or if no trial is
        needed."""
        if found.format not in TRIED:
            return None
        (outcome,) = self._trial.decode(fed(source, np.array([index])), source.read_in_dali, "window")
        return outcome.error
