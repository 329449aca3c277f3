"""Masks read and decoded in threads of their own, before their batch is due."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np

from dali_mixup._graph.head import Head, look_at
from dali_mixup._graph.look import UnfitError
from dali_mixup._graph.masks import read_mask
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup.sources.bad_files import BadFile
from dali_mixup.sources.base import Source
from dali_mixup.sources.masks.pairs import ImagesWithMasks
from dali_mixup.sources.remote.daemons import DaemonThreads


class MaskReader:
    """The masks of samples. What is asked for ahead of time is decoded by then; the rest is waited for.

    Args:
        source: the samples.
        classes: number of classes.
        max_pixels: limit for a mask.
        threads: number of threads, which end with `close` and begin again when they are needed.
        kind: the pixels of the images.
    """

    def __init__(
        self, source: ImagesWithMasks, classes: int, max_pixels: int, threads: int, kind: PixelKind = USUAL
    ):
        self._source, self._classes, self._max_pixels, self._kind = source, classes, max_pixels, kind
        self._count = threads
        self._threads: DaemonThreads | None = None
        self._under_way: dict[int, Future[np.ndarray | BadFile]] = {}

    def ahead(self, indices: np.ndarray) -> None:
        """Begin to read the masks of samples that will be asked for next; others under way are forgotten."""
        coming = dict.fromkeys(indices.tolist())
        self._under_way = {index: self._future(index) for index in coming}

    def read(self, indices: np.ndarray) -> tuple[list[np.ndarray], list[BadFile]]:
        """The masks of samples, (H, W) uint8 of the sizes of their images, and those samples that have none that fits,
        in ascending order; without masks if there are any.

        Raises:
            StorageError: masks cannot be read at present and are not to blame.
        """
        self._under_way |= {index: self._future(index) for index in dict.fromkeys(indices.tolist())}
        found = {index: self._under_way[index].result() for index in np.unique(indices).tolist()}
        bad = [each for each in found.values() if isinstance(each, BadFile)]
        if bad:
            for each in bad:  # the file may be repaired before it is asked for again
                del self._under_way[each.index]
            return [], bad
        masks = {index: each for index, each in found.items() if isinstance(each, np.ndarray)}
        return [masks[index] for index in indices.tolist()], []

    def sizes(self, source: Source, indices: Sequence[int]) -> list[tuple[int, int]]:
        """(height, width) of the stored images of samples, of any source, that have passed the gate."""
        head = Head()
        return [_size(source, index, self._max_pixels, head, self._kind) for index in indices]

    def close(self) -> None:
        """End the threads after their current masks. Harmless when repeated."""
        threads, self._threads = self._threads, None
        self._under_way = {}
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)

    def _future(self, index: int) -> Future[np.ndarray | BadFile]:
        known = self._under_way.get(index)
        if known is not None:
            return known
        if self._threads is None:
            self._threads = DaemonThreads(self._count, "dali-mixup-masks")
        return self._threads.submit(_read, self._source, index, self._classes, self._max_pixels, self._kind)


def _size(source: Source, index: int, max_pixels: int, head: Head, kind: PixelKind) -> tuple[int, int]:
    found = look_at(source, index, max_pixels, head, kind)
    return found.height, found.width


def _read(
    source: ImagesWithMasks, index: int, classes: int, max_pixels: int, kind: PixelKind
) -> np.ndarray | BadFile:
    try:
        size = _size(source, index, max_pixels, Head(), kind)
    except UnfitError as error:
        return BadFile(index, source.name(index), str(error))
    try:
        return read_mask(source, index, size, classes, max_pixels)
    except UnfitError as error:
        return BadFile(index, source.masks.name(index), str(error))
