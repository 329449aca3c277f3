"""Packing: the shards of a part that are not finished yet are written by several processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from dali_mixup._checks import boolean, instance, integer
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup._graph.child import ChildProcess
from dali_mixup._graph.look import UnfitError, encoded_sample
from dali_mixup.pack.crew import answer, over, shared_out
from dali_mixup.pack.journal import Journal, remove_work
from dali_mixup.pack.merging import merge
from dali_mixup.pack.names import check_file_names, warn_of_image_folder
from dali_mixup.pack.options import Options
from dali_mixup.pack.plan import Plan
from dali_mixup.pack.shard import BadImagesError, PackJob, Sample
from dali_mixup.pack.tally import Tally
from dali_mixup.pack.writers import Job
from dali_mixup.sources import Source
from dali_mixup.sources.archives.packed import packed_list
from dali_mixup.sources.opening import refuse_no_source
from dali_mixup.sources.part import Part
from dali_mixup.sources.paths import folder_to_write
from dali_mixup.sources.remote.daemons import DaemonThreads

_PIECE = 16
"""Samples handed to a process at once: some megabytes, and work for a tenth of a second."""

_READERS, _MOST_READERS = 8, 64
"""Threads that read files, per process and in all: a thread that waits for storage does nothing else."""

_MOST_WORKERS = 1024

Progress = Callable[[int, int], None]


class Packing:
    """Writes the samples of a source to shards or files that the loaders read fast.

    A run that was killed is continued by the same call: only unfinished shards are written. Unless it is one part of
    several, it ends with `merge`.

    Args:
        source: the data.
        folder: where to; it must be new, or hold what earlier runs with the same data and options wrote.
        options: what is written.
        part: the share of this process; None: everything.
        workers: number of processes, 1 to 1024; None: as many as this process may use cores.
        skip_bad: leave out samples that cannot be read or decoded. Otherwise the shards that have one are not written,
            and all others are.

    Raises:
        TypeError, ValueError: arguments of other types, or an empty folder name; the folder holds something else, or
            the data cannot be packed so.
        NotWritten: the folder cannot be written.
    """

    def __init__(
        self,
        source: Source,
        folder: str | os.PathLike[str],
        options: Options | None = None,
        *,
        part: Part | None = None,
        workers: int | None = None,
        skip_bad: bool = False,
    ) -> None:
        refuse_no_source("pack", source)
        instance("pack", "options", options, Options)
        instance("pack", "part", part, Part)
        skip_bad = boolean("pack", "skip_bad", skip_bad)
        folder = folder_to_write(folder)
        self._part = part or Part()
        self._workers = (
            usable_cores()
            if workers is None
            else integer("pack", "workers", workers, at_least=1, at_most=_MOST_WORKERS)
        )
        self._source, self._skip_bad = source, skip_bad
        self._plan = Plan.of(source, options or Options())
        self._journal = Journal(folder, self._plan)
        self._lock = threading.Lock()
        self._todo: list[int] = []
        if self._journal.is_complete():
            self.tally = Tally(self._plan.shards, complete=True)
            for shard in packed_list(folder)[2]:
                self.tally.add(shard)
            remove_work(folder)  # a run may have been killed before it did
            return
        if self._plan.options.layout == "files":
            check_file_names(source)
            warn_of_image_folder(source)
        self._journal.begin()
        numbers = self._part.numbers(self._plan.shards)
        self.tally = Tally(len(numbers))
        for number in numbers:
            finished = self._journal.shard(number)
            if finished is None:
                self._todo.append(number)
            else:
                self.tally.add(finished)

    def run(self, progress: Progress = lambda done, of: None) -> Tally:
        """Write what is not finished.

        Args:
            progress: called with the number of samples that are done, and of all of this part.

        Raises:
            NotWritten: the disk is full, or the like.
            StorageError: the data cannot be read at present.
            PackingError: a process died, or another run is packing the same part.
        """
        if self.tally.complete:
            return self.tally
        self._progress, self._of = progress, sum(map(self._count, self._part.numbers(self._plan.shards)))
        self._done = self._of - sum(map(self._count, self._todo))
        with self._journal.locked(f"part-{self._part.index}-of-{self._part.of}"), self._cleaning():
            progress(self._done, self._of)
            if self._todo:
                self._pack()
        if self._part.of == 1 and self.tally.finished == self.tally.shards:
            merge(self._journal.folder)
            self.tally.complete = True
        return self.tally

    def _pack(self) -> None:
        self._order = self._plan.order()
        workers = min(self._workers, len(self._todo))
        with DaemonThreads(min(_READERS * workers, _MOST_READERS), "dali-mixup-read") as self._readers:
            shared_out(self._todo, workers, self._pack_shard)

    @contextmanager
    def _cleaning(self) -> Iterator[None]:
        """Nothing half-written is left, neither by earlier runs nor by this one if it is interrupted."""
        self._journal.clean(self._todo)
        try:
            yield
        finally:
            self._journal.clean(self._todo)

    def _count(self, number: int) -> int:
        return self._plan.first(number + 1) - self._plan.first(number)

    def _pack_shard(self, child: ChildProcess, number: int, stop: threading.Event) -> None:
        options, first = self._plan.options, self._plan.first(number)
        rows = self._order[first : first + self._count(number)]
        pieces = [rows[start : start + _PIECE] for start in range(0, len(rows), _PIECE)]
        job = Job(str(self._journal.folder), number, options.layout)
        child.send(PackJob(job, first, options, self._skip_bad))
        coming = self._read(pieces[0], stop)
        for place, piece in enumerate(pieces, start=1):
            if stop.is_set():
                return
            child.send(coming)
            names = ", ".join(repr(sample.key) for sample in coming)
            # Read while the process works on the piece before.
            coming = self._read(pieces[place], stop) if place < len(pieces) else []
            answer(child, f"packs {names}", stop)
            self._advance(len(piece))
        child.send([])
        try:
            shard = answer(child, f"ends shard {number}", stop)
        except BadImagesError as error:
            with self._lock:
                self.tally.found_bad(error.bad)
            return
        if shard is not None:
            self._journal.enter(shard)
            with self._lock:
                self.tally.add(shard)

    def _read(self, rows: np.ndarray, stop: threading.Event) -> list[Sample]:
        """The samples; none if it is to stop meanwhile."""
        coming = [self._readers.submit(self._sample, row) for row in rows.tolist()]
        while not over(coming):
            if stop.is_set():
                return []
        return [sample.result() for sample in coming]

    def _sample(self, row: int) -> Sample:
        label = int(self._source.labels[row])
        try:
            content: bytes | str = bytes(encoded_sample(self._source, row, self._plan.options.max_pixels))
        except UnfitError as error:
            content = str(error)
        return Sample(self._source.key(row), label, self._source.classes[label], content)

    def _advance(self, samples: int) -> None:
        with self._lock:
            self._done += samples
            self._progress(self._done, self._of)
