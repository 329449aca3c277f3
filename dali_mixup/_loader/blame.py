"""The files of a batch on which DALI failed, so that they can be named and left out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
from nvidia.dali import Pipeline

from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.look import good_image
from dali_mixup._graph.pipeline import Batches
from dali_mixup._graph.probe import culprits, undecodable
from dali_mixup._loader.batch import Batch
from dali_mixup._loader.batches import BatchSource
from dali_mixup.sources.bad_files import BadFile, BadFiles

Restored = Callable[[Batches, int], Pipeline]
"""Returns the pipeline as it stood before the batch, for other batches and with that many prepared ahead."""


def unusable(batches: BatchSource, batch: Batch, restored: Restored) -> tuple[BadFiles | None, list[BadFile]]:
    """The samples of a batch that cannot be read or decoded, all of one source, and the list that leaves them out;
    (None, []) if no file is to blame.

    Three attempts, the cheapest first: read the headers; decode each image by itself; run the batch itself, in the
    pipeline that failed, with good images replacing more and more rows. The last finds a file of which only the window
    of that batch does not decode, or on which only the GPU's decoder fails.
    """
    backend, gate = batches.spec.pipeline.backend, batches.spec.gate
    for source, indices, bad in batch.reads:
        found = gate.refused(source, indices, anew=True)
        found = found or undecodable(
            source, np.unique(indices).tolist(), backend.roi, gate.max_pixels, backend.kind
        )
        if found:
            return bad, found
    arrays = batches.arrays(batch)
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        good = good_image(*_room(batch), backend.kind)
        if batches.read_in_dali:
            file.write(good.tobytes())
            file.flush()
            good = np.frombuffer(file.name.encode(), np.uint8)

        def fails(rows: frozenset[int]) -> bool:
            files = [given if row in rows else good for row, given in enumerate(arrays[0])]
            try:
                restored(_Altered(batches, (files, *arrays[1:])), 1).run()
            except Exception:  # DALI may raise anything
                return True
            return False

        rows = culprits(range(len(arrays[0])), fails)
    extras = batches.spec.pipeline.extras
    graph = dict.fromkeys(one.name for one in extras if one.place != "batch")
    return _of_first_source(batch, rows, ", or in ".join(["its window", *graph]))


def _room(batch: Batch) -> tuple[int, int]:
    """(height, width) of an image that contains the windows of all rows, as far as these are known."""
    ends = [(view.windows.start + view.windows.shape).max(axis=0) for view in batch.maps]
    height, width = np.max([(64, 64), *ends], axis=0).tolist()
    return height, width


def _of_first_source(batch: Batch, rows: list[int], parts: str) -> tuple[BadFiles | None, list[BadFile]]:
    first = 0
    for source, indices, bad in batch.reads:
        here = np.unique([indices[row - first] for row in rows if first <= row < first + len(indices)])
        if here.size:
            reason = f"decodes whole on the CPU, but not as this batch needs it: {parts}, or on this GPU"
            return bad, [BadFile(int(index), source.name(int(index)), reason) for index in here]
        first += len(indices)
    return None, []


class _Altered:
    """Batches that are all the same."""

    def __init__(self, batches: BatchSource, arrays: tuple[Any, ...]):
        self._batches, self._arrays = batches, arrays

    @property
    def read_in_dali(self) -> bool:
        return self._batches.read_in_dali

    @property
    def feeds(self) -> tuple[PlanFeed | None, ...]:
        return self._batches.feeds

    @property
    def names(self) -> tuple[str, ...]:
        return self._batches.names

    def __call__(self, info: Any) -> tuple[Any, ...]:
        return self._arrays
