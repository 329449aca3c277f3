"""This library's loader, with mixing and without, on the work's device and on DALI's CPU backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.options import Output, Runtime
from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup._loader.factory import train_loader
from dali_mixup._loader.loader import MixLoader
from dali_mixup.augment import TrainTransform
from dali_mixup.bench.contenders.base import Batch, Contender, Loader
from dali_mixup.bench.work import Samples, Work
from dali_mixup.methods import CutMix, MixUp


def policy_of(work: Work) -> MixPolicy:
    return MixPolicy([MixUp(work.mixup_alpha), CutMix(work.cutmix_alpha)])


def loader_of(samples: Samples, work: Work, device: str, runtime: Runtime | None = None) -> MixLoader:
    """The work's loader on DALI's "cpu" or "cuda" backend; `runtime` replaces the work's threads and prefetch."""
    return train_loader(
        list(samples),
        policy=policy_of(work) if work.mixed else None,
        batch_size=work.batch_size,
        num_classes=work.classes,
        device=device,
        seed=work.seed,
        rank=0,
        world_size=1,
        transform=TrainTransform(work.image_size, scale=work.scale, ratio=work.ratio, hflip=work.hflip),
        output=Output(IMAGENET_MEAN, IMAGENET_STD),
        runtime=runtime or Runtime(num_threads=work.dali_threads, prefetch=work.prefetch),
    )


class _Ours(Loader):
    def __init__(self, loader: MixLoader, device: str):
        self.loader, self.device = loader, device

    def epoch(self) -> Iterator[Batch]:
        for images, targets in self.loader:
            yield images.to(self.device, non_blocking=True), targets.to(self.device, non_blocking=True)

    def close(self) -> None:
        self.loader.close()


class Ours(Contender):
    name: ClassVar[str] = "dali-mixup"
    title: ClassVar[str] = "dali-mixup"

    def build(self, samples: Samples, work: Work) -> Loader:
        return _Ours(loader_of(samples, work, work.device), work.device)


class OursUnmixed(Ours):
    name: ClassVar[str] = "dali-mixup-off"
    title: ClassVar[str] = "dali-mixup, mixing off"
    role: ClassVar[str] = "reference"


class OursByDali(Contender):
    """Without the compiled kernels, to show their effect."""

    name: ClassVar[str] = "dali-mixup-dali"
    title: ClassVar[str] = 'dali-mixup, cpu_kernels="dali"'
    role: ClassVar[str] = "reference"

    def missing(self, device: str) -> str:
        return "the same as dali-mixup on a GPU" if device == "cuda" else ""

    def build(self, samples: Samples, work: Work) -> Loader:
        return _Ours(
            loader_of(
                samples,
                work,
                work.device,
                Runtime(num_threads=work.dali_threads, prefetch=work.prefetch, cpu_kernels="dali"),
            ),
            work.device,
        )


class OursOnCpu(Contender):
    """The CPU backend feeding a GPU."""

    name: ClassVar[str] = "dali-mixup-cpu"
    title: ClassVar[str] = "dali-mixup, CPU backend"

    def missing(self, device: str) -> str:
        return "" if device == "cuda" else "the same as dali-mixup where batches stay on the CPU"

    def build(self, samples: Samples, work: Work) -> Loader:
        return _Ours(loader_of(samples, work, "cpu"), work.device)
