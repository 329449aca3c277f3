"""Only reading and decoding, on the same threads: no loader of these images can be faster than that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch

from dali_mixup.bench.contenders.base import Batch, Contender, Loader
from dali_mixup.bench.contenders.dali_torch import arguments, decoded
from dali_mixup.bench.work import Samples, Work


class _Decoding(Loader):
    """Decoded windows stay where DALI wrote them; a batch carries one number per image instead."""

    def __init__(self, samples: Samples, work: Work):
        from nvidia.dali import fn, pipeline_def

        @pipeline_def(**arguments(work))
        def pipeline() -> tuple[Any, Any]:
            images, labels = decoded(samples, work)
            return fn.reshape(fn.slice(images, [0, 0], [1, 1], axes=[0, 1])[:, :, 0], shape=[1]), labels

        self.pipe = pipeline()
        self.pipe.build()
        self.steps, self.device = work.steps(len(samples)), work.device

    def epoch(self) -> Iterator[Batch]:
        for _ in range(self.steps):
            pixels, labels = self.pipe.run()
            yield (
                torch.as_tensor(np.asarray(pixels.as_cpu().as_array())).reshape(-1, 1, 1, 1),
                torch.as_tensor(np.asarray(labels.as_array())).reshape(-1).long(),
            )

    def close(self) -> None:
        del self.pipe


class DecodeOnly(Contender):
    name: ClassVar[str] = "decode-only"
    title: ClassVar[str] = "DALI, decoding only (roofline)"
    role: ClassVar[str] = "roofline"
    modules: ClassVar[tuple[str, ...]] = ("nvidia.dali",)

    def build(self, samples: Samples, work: Work) -> Loader:
        return _Decoding(samples, work)
