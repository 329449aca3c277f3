"""One live pipeline and its position: the only object here that holds threads and memory."""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import threading
import traceback
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from nvidia.dali import Pipeline, backend
from torch.utils.dlpack import from_dlpack

from dali_mixup._graph.pipeline import Batches, batches_run, build
from dali_mixup._graph.stages import stage
from dali_mixup._graph.views import ViewSpec
from dali_mixup._loader.batch import Batch
from dali_mixup._loader.batches import BatchSource
from dali_mixup._loader.blame import unusable
from dali_mixup._loader.cursor import Cursor, RunState
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup._repr import escaped
from dali_mixup._seeding import Purpose, stream
from dali_mixup.augment.extra_graph import refuse_other_shape
from dali_mixup.sources.bad_files import BadFiles

log = logging.getLogger("dali_mixup")

MOST_FAULTLESS = 3
"""Failures in a row of one batch, with no file to blame, after which DALI's error is raised."""


LONGEST_BATCH = 20.0
"""Seconds that the end of the process waits for a thread that is inside DALI."""


class PipelineRun:
    """A built pipeline that hands out the batches from a cursor onwards, one after the other.

    Args:
        spec: the loader's specification.
        bad: samples to leave out, and the rule for new ones.
        start: the first batch. If it has the state of a pipeline of this rank, that run is continued exactly.
    """

    def __init__(self, spec: LoaderSpec, bad: BadFiles, start: Cursor):
        self.spec, self.walk = spec, spec.walk(start)
        self.batches = BatchSource(spec, self.walk, bad)
        self.count, self._saved = 0, None
        if start.run is not None and spec.owns(start):
            self.count, self._saved = start.run.count, start.run.dali
        elif start.run is not None:
            log.info(
                "rank %d resumes from the state of rank %d: same position, fresh random crops (save each rank's own "
                "state for a bit-exact resume)",
                spec.rank.rank,
                start.run.rank,
            )
        self._faultless = 0  # failures in a row for which no file is to blame
        self._process = os.getpid()
        self._inside = threading.RLock()  # held by the thread that is inside DALI
        self._pipe: Pipeline | None = self._built()
        _LIVE.add(self)

    @property
    def _on_gpu(self) -> bool:
        return self.spec.pipeline.device_id is not None

    @property
    def batches_run(self) -> int | None:
        """The number of batches before the next one, by DALI's own account; None if it does not tell."""
        return None if self._pipe is None else batches_run(self._pipe)

    @property
    def address(self) -> tuple[int, int]:
        """(epoch, step) of the batch that `next` will hand out."""
        return self.walk.address(self.count)

    @property
    def cursor(self) -> Cursor:
        """The address, and the data with which another run continues this one exactly from there. Before the first
        batch of a new run it is the address alone: every run that starts there is the same."""
        return self._cursor(self.count, self._saved)

    def next(self) -> tuple[Batch, list[torch.Tensor]]:
        """The next batch and the images (rows, C, H, W) of each view, then those before mixing that are handed out;
        never overwritten. On a GPU they are ordered on torch's current stream, like the results of its own operators.

        Raises:
            RuntimeError: called in a process forked from the one that built the pipeline, or after `close`.
            BadFileError: files of the batch cannot be decoded, and they may not be skipped. This error, any other
                and Ctrl-C end the run; `cursor` does not change.
        """
        if self._process != os.getpid():
            raise RuntimeError(
                f"this loader's pipeline belongs to process {self._process}, but process {os.getpid()} iterates it: "
                "DALI's threads do not survive a fork. Create the loader in the process that uses it, or start that "
                "process with 'spawn'"
            )
        try:
            with self._inside, stage("wait for the pipeline", self._on_gpu):
                batch, outputs, saved = self._next_outputs()
            with stage("hand the images over", self._on_gpu):
                views = self.spec.pipeline.views
                of_outputs = (*views, *(view for view in views if view.clean))
                images = [as_torch(*pair) for pair in zip(outputs, of_outputs, strict=True)]
        except StopIteration as error:  # would end the loop, and the epoch with it, without a word
            self.close()
            raise RuntimeError(
                "a function that this loader calls (a schedule's curve, a sampler, a source) raised StopIteration"
            ) from error
        except BaseException:
            self.close()
            raise
        self.count, self._saved = self.count + 1, saved
        return batch, images

    def close(self) -> None:
        """End DALI's threads and free its buffers, on a GPU back to the driver, so that torch can use the memory;
        batches handed out stay valid. Harmless when repeated."""
        self.batches.close()
        self._end_pipeline()

    def _end_pipeline(self) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None and self._process != os.getpid():
            _never_destroy(pipe)
        elif pipe is not None:
            del pipe  # nothing else refers to it, so its destructor runs here
            if self._on_gpu:
                backend.ReleaseUnusedMemory()

    def forked(self) -> None:
        """Called in a child process after a fork."""
        if self._pipe is not None:
            _never_destroy(self._pipe)

    def _cursor(self, count: int, saved: bytes | None) -> Cursor:
        walk = self.walk
        epoch, step = walk.address(count)
        offset = walk.offset if epoch == walk.epoch else 0
        if saved is None:
            return Cursor(epoch, step, offset)
        state = RunState(walk.epoch, walk.step, walk.offset, count, saved, walk.rank)
        return Cursor(epoch, step, offset, state)

    def _next_outputs(self) -> tuple[Batch, Any, bytes]:
        """The next batch, its outputs, and DALI's state after them. The state is asked for after every batch (about 10
        microseconds) because after an error DALI's answer is no longer that state."""
        while True:
            if self._pipe is None:
                raise RuntimeError(
                    "this iterator has ended: its loader was closed or loaded another state, or it failed before; "
                    "call iter(loader) for a new one"
                )
            try:
                # On the GPU the batch may still be incomplete: work queued on torch's current stream from here on comes
                # after it, and the host continues.
                stream = torch.cuda.current_stream(self.spec.device) if self._on_gpu else None
                outputs = self._pipe.run(stream)
                made = self.batches.taken(), outputs, self._pipe.checkpoint()
                self._faultless = 0
                return made
            except Exception as error:
                traceback.clear_frames(error.__traceback__)  # they hold the pipeline
                self._end_pipeline()  # the batches, and what was read for them, are needed again
                self._leave_out_bad_files(error)
                self._pipe = self._built()

    def _leave_out_bad_files(self, error: Exception) -> None:
        """Find the files on which DALI failed. Raises `error` itself if the source failed, or if no file was to blame
        several times in a row, before which the batch is tried again. An error of a user's function is raised too."""
        error = self.batches.due() or error
        refuse_other_shape(error, self.spec.pipeline.extras)
        under_way = self.batches.under_way()
        if not under_way:
            raise error
        # DALI reports errors in order: the batch that failed is the oldest.
        bad, found = unusable(self.batches, under_way[0], self._restored)
        if bad is not None:
            try:
                return bad.meet(found)
            except RuntimeError as ours:
                raise ours from error
        self._faultless += 1
        if self._faultless == MOST_FAULTLESS:
            raise error
        log.warning(
            "a batch failed, and none of its files is to blame; trying it again. DALI: %s",
            escaped(str(error)),
        )

    def _built(self) -> Pipeline:
        self.batches.restart()
        return self._restored(self.batches, self.spec.pipeline.prefetch)

    def _restored(self, batches: Batches, prefetch: int) -> Pipeline:
        """A pipeline for other batches at the position of this run."""
        return build(replace(self.spec.pipeline, prefetch=prefetch), batches, self._seeds(), self._saved)

    def _seeds(self) -> Iterator[int]:
        """A seed for every random operator of the graph; different for other ranks and for runs that start
        elsewhere."""
        walk = self.walk
        step = walk.step + walk.before(walk.epoch)
        rng = stream(Purpose.AUGMENT, self.spec.seed, rank=walk.rank, epoch=walk.epoch, step=step)
        while True:
            yield int(rng.randint(0, 2**31 - 1))


def _capsule(tensor: Any) -> Any:
    """DALI's tensor as torch takes it, ordered on torch's current stream. torch's `from_dlpack` would ask for the same,
    but it compares DALI's enum with its own, in which Ctrl-C is lost before Python 3.12 (see `Form.rows`)."""
    if not isinstance(tensor, backend.TensorGPU):
        return tensor.__dlpack__()
    # By the array API's standard 1 is the default stream, which has the handle 0.
    return tensor.__dlpack__(stream=torch.cuda.current_stream(tensor.device_id()).cuda_stream or 1)


def as_torch(images: Any, view: ViewSpec) -> torch.Tensor:
    """(rows, C, H, W) of the view's dtype, in DALI's memory."""
    tensor = from_dlpack(_capsule(images.as_tensor()))
    if view.channels_last:
        tensor = tensor.permute(0, 3, 1, 2)
    dtype = getattr(torch, view.dtype)
    if tensor.dtype == torch.uint16:  # `views.BFLOAT16_BITS`
        return tensor.view(dtype)
    return tensor.to(dtype)


def _never_destroy(pipe: Pipeline) -> None:
    """A forked child has the pipeline's memory but not its threads, and its locks as they were: shutting it down, which
    DALI does when a pipeline is dropped and in an exit handler, would wait forever for either. So DALI's inner object
    is taken out of its reach, and kept from ever being freed."""
    inner, pipe._pipe = pipe._pipe, None
    if inner is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(inner))


_LIVE: weakref.WeakSet[PipelineRun] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for run in list(_LIVE):
        run.forked()


os.register_at_fork(after_in_child=_after_fork_in_child)


def _wait_for_threads_inside_dali() -> None:
    """At exit Python ends daemon threads wherever they are, and in C++ that aborts the process. So they leave DALI, and
    none enters again."""
    for run in list(_LIVE):
        if run._process == os.getpid():
            run._inside.acquire(timeout=LONGEST_BATCH)


atexit.register(_wait_for_threads_inside_dali)  # after DALI's own, so that it runs before it
