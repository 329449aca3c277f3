"""One live pipeline and where it stands: the only thing here that holds threads and memory."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from typing import Any

import torch
from nvidia.dali import Pipeline
from torch.utils.dlpack import from_dlpack

from .batches import Batch, BatchSource
from .pipeline import PipelineSpec, build
from .seeding import Purpose, stream


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
        saved = None if checkpoint is None else base64.b64decode(checkpoint[0])
        self._process = os.getpid()
        self._pipe: Pipeline | None = build(spec, batches, self._seeds(), saved)

    @property
    def address(self) -> tuple[int, int]:
        """(epoch, step) of the batch that `next` will hand out."""
        return self.walk.address(self.count)

    def next(self) -> tuple[Batch, torch.Tensor]:
        """The next batch and its images (N, 3, H, W), which nobody overwrites.

        Raises:
            RuntimeError: called in a process forked from the one that built the pipeline, or whatever DALI raises.
        """
        if self._process != os.getpid():
            raise RuntimeError(
                f"this loader's pipeline belongs to process {self._process}, but process {os.getpid()} iterates it: "
                "DALI's threads do not survive a fork. Create the loader in the process that uses it, or start that "
                "process with 'spawn'"
            )
        if self._pipe is None:
            raise RuntimeError("this iterator was closed with its loader; call iter(loader) for a new one")
        (images,) = self._pipe.run()
        self.count += 1
        tensor = from_dlpack(images.as_tensor())
        if self.spec.channels_last:
            tensor = tensor.permute(0, 3, 1, 2)
        return self.batches.taken(), tensor if tensor.dtype == self.spec.dtype else tensor.to(self.spec.dtype)

    def state(self) -> dict[str, Any]:
        """Where the run stands, as JSON-able values, for `checkpoint=` and the walk of another run."""
        assert self._pipe is not None
        walk = self.walk
        return {
            "walk": {"epoch": walk.epoch, "step": walk.step, "offset": walk.offset},
            "count": self.count,
            "dali": base64.b64encode(self._pipe.checkpoint()).decode("ascii"),
        }

    def close(self) -> None:
        """Ends DALI's threads and frees its buffers; batches handed out stay valid. Harmless when repeated."""
        self._pipe = None  # nothing else refers to it, so its destructor runs now

    def _seeds(self) -> Iterator[int]:
        """A seed for every random operator of the graph; other ranks, and runs that start elsewhere, get others."""
        walk = self.walk
        rng = stream(Purpose.AUGMENT, self.batches.seed, rank=walk.rank, epoch=walk.epoch, step=walk.step)
        while True:
            yield int(rng.randint(0, 2**31 - 1))
