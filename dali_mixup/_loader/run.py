"""One live pipeline and where it stands: the only thing here that holds threads and memory."""

from __future__ import annotations

import base64
import ctypes
import os
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from nvidia.dali import Pipeline
from torch.utils.dlpack import from_dlpack

from dali_mixup._graph.pipeline import PipelineSpec, build
from dali_mixup._graph.probe import unusable
from dali_mixup._loader.batches import Batch, BatchSource
from dali_mixup._seeding import Purpose, stream


class PipelineRun:
    """A built pipeline that hands out the batches of a walk, one after the other.

    Args:
        spec: what to build.
        batches: what goes into each batch; its walk says where the run starts.
        checkpoint: (base64 text of DALI's checkpoint, batches handed out before it) to continue a run of the same
            walk exactly; None to start at the walk's first batch.
    """

    def __init__(self, spec: PipelineSpec, batches: BatchSource, checkpoint: tuple[str, int] | None = None):
        self.spec, self.batches, self.walk = spec, batches, batches.walk
        self.count = 0 if checkpoint is None else checkpoint[1]
        # DALI's state after the last batch handed out. Asked for after every batch (some 10 microseconds), because
        # DALI's answer after an error is not that state any more.
        self._saved = None if checkpoint is None else base64.b64decode(checkpoint[0], validate=True)
        self._process = os.getpid()
        self._pipe: Pipeline | None = self._built()

    @property
    def address(self) -> tuple[int, int]:
        """(epoch, step) of the batch that `next` will hand out."""
        return self.walk.address(self.count)

    def next(self) -> tuple[Batch, list[torch.Tensor]]:
        """The next batch and its images (R, 3, H, W), mixed and, with `spec.clean`, unmixed; nobody overwrites them.

        Raises:
            RuntimeError: called in a process forked from the one that built the pipeline, or after `close`.
            BadFileError: files of the batch cannot be decoded, and they are not to be skipped. This error, any other
                and Ctrl-C end the run; `state` stays what it was.
        """
        if self._process != os.getpid():
            raise RuntimeError(
                f"this loader's pipeline belongs to process {self._process}, but process {os.getpid()} iterates it: "
                "DALI's threads do not survive a fork. Create the loader in the process that uses it, or start that "
                "process with 'spawn'"
            )
        try:
            outputs = self._next_outputs()
        except BaseException:
            self.close()
            raise
        self.count += 1
        return self.batches.taken(), [self._as_torch(images) for images in outputs]

    def state(self) -> dict[str, Any] | None:
        """Where the run stands, as JSON-able values, for `checkpoint=` and the walk of another run; None where
        nothing was handed out yet, so that another run of the same walk is the same."""
        if self._saved is None:
            return None
        walk = self.walk
        return {
            "walk": {"epoch": walk.epoch, "step": walk.step, "offset": walk.offset},
            "count": self.count,
            "dali": base64.b64encode(self._saved).decode("ascii"),
        }

    def close(self) -> None:
        """Ends DALI's threads and frees its buffers; batches handed out stay valid. Harmless when repeated."""
        self.batches.close()
        pipe, self._pipe = self._pipe, None
        if pipe is not None and self._process != os.getpid():
            # A forked child has the pipeline's memory but not its threads; the destructor would wait for them forever.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(pipe))
        # Nothing else refers to the pipeline, so its destructor runs here.

    def _as_torch(self, images: Any) -> torch.Tensor:
        tensor = from_dlpack(images.as_tensor())
        if self.spec.channels_last:
            tensor = tensor.permute(0, 3, 1, 2)
        return tensor if tensor.dtype == self.spec.dtype else tensor.to(self.spec.dtype)

    def _next_outputs(self) -> Any:
        while True:
            if self._pipe is None:
                raise RuntimeError(
                    "this iterator has ended: its loader was closed or loaded another state, or it failed before; "
                    "call iter(loader) for a new one"
                )
            try:
                outputs = self._pipe.run()
                self._saved = self._pipe.checkpoint()
                return outputs
            except Exception as error:
                traceback.clear_frames(error.__traceback__)  # they hold the pipeline
                self.close()
                self._leave_out_bad_files(error)
                self._pipe = self._built()

    def _leave_out_bad_files(self, error: Exception) -> None:
        """Finds the files that DALI failed on. Raises `error` itself where it was not for a file."""
        # The batch that failed is the oldest under way, unless the source itself failed for a later one.
        for batch in self.batches.under_way():
            for source, indices, bad in batch.reads:
                found = unusable(self.spec, source, np.unique(indices).tolist())
                if found:
                    try:
                        return bad.meet(found)
                    except RuntimeError as ours:
                        raise ours from error
        raise error

    def _built(self) -> Pipeline:
        self.batches.restart()
        return build(self.spec, self.batches, self._seeds(), self._saved)

    def _seeds(self) -> Iterator[int]:
        """A seed for every random operator of the graph; other ranks, and runs that start elsewhere, get others."""
        walk = self.walk
        rng = stream(Purpose.AUGMENT, self.batches.seed, rank=walk.rank, epoch=walk.epoch, step=walk.step)
        while True:
            yield int(rng.randint(0, 2**31 - 1))
