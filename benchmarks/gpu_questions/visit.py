"""The device and size of a visit, and the loader that the questions use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from dali_mixup import CutMix, MixLoader, MixPolicy, MixUp, Runtime, train_loader
from dali_mixup.bench.synthetic import synthetic_folder

BOTH = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample")


@dataclass(frozen=True)
class Visit:
    """A device and a size.

    Attributes:
        device: "cuda" or "cpu".
        images: photographs drawn for the occasion.
        batch_size: rows per batch.
        threads: DALI's worker threads, >= 1.
    """

    device: str
    images: int
    batch_size: int
    threads: int

    @property
    def gpu(self) -> bool:
        return self.device == "cuda"

    def scaled(self, on_gpu: int, on_cpu: int) -> int:
        """Number of repetitions."""
        return on_gpu if self.gpu else on_cpu

    def folder(self) -> str:
        """The photographs, in class folders."""
        return str(synthetic_folder(self.images))

    def loader(self, policy: MixPolicy | None = None, **options: Any) -> MixLoader:
        """A training loader with DALI's own operators; whole images are decoded unless `runtime` differs."""
        runtime = {"num_threads": self.threads, "cpu_kernels": "dali", "roi_decoding": False}
        runtime |= options.pop("runtime", {})
        given = {"batch_size": self.batch_size, "device": self.device, "policy": policy} | options
        return train_loader(self.folder(), runtime=Runtime(**runtime), **given)

    def wait(self) -> None:
        """Wait until the GPU has finished all queued work."""
        if self.gpu:
            torch.cuda.synchronize()
