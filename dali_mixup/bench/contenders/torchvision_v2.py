"""torch's DataLoader with torchvision's v2 transforms and its MixUp and CutMix: on PIL images, and on uint8 tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from PIL import Image
from torch.utils.data import DataLoader, default_collate
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import InterpolationMode, v2

from dali_mixup._graph.options import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup.bench.contenders.base import Batch, Contender, Loader
from dali_mixup.bench.contenders.files import Files
from dali_mixup.bench.work import Samples, Work


def read_pil(path: str) -> Image.Image:
    with open(path, "rb") as file:
        return Image.open(file).convert("RGB")


def read_tensor(path: str) -> torch.Tensor:
    return decode_jpeg(read_file(path), mode=ImageReadMode.RGB)


class Finish:
    """torchvision's operations on whole batches: (N, 3, H, W) uint8 to normalised float32, and the mixing."""

    def __init__(self, work: Work):
        self.normalise = v2.Compose(
            [v2.ToDtype(torch.float32), v2.Normalize(list(IMAGENET_MEAN), list(IMAGENET_STD), inplace=True)]
        )
        self.mix = v2.RandomChoice(
            [
                v2.MixUp(alpha=work.mixup_alpha, num_classes=work.classes),
                v2.CutMix(alpha=work.cutmix_alpha, num_classes=work.classes),
            ]
        )
        self.mixed = work.mixed

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> Batch:
        images = self.normalise(images)
        return self.mix(images, labels) if self.mixed else (images, labels)


class Collate:
    """Whole batches are cheapest in uint8, so collating comes first; workers of a CPU loader also finish them."""

    def __init__(self, finish: Finish | None):
        self.finish = finish

    def __call__(self, samples: list[Any]) -> Batch:
        images, labels = default_collate(samples)
        return (images, labels) if self.finish is None else self.finish(images, labels)


class _TorchLoader(Loader):
    """Batches for a GPU are transferred in uint8, pinned, and finished there."""

    def __init__(self, data: Files, work: Work):
        self.work = work
        self.on_gpu = work.device == "cuda"
        self.finish = Finish(work)
        self.loader = DataLoader(
            data,
            batch_size=work.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=work.threads,
            persistent_workers=True,
            prefetch_factor=work.prefetch,
            pin_memory=self.on_gpu,
            collate_fn=Collate(None if self.on_gpu else self.finish),
            generator=torch.Generator().manual_seed(work.seed),
        )

    def epoch(self) -> Iterator[Batch]:
        if not self.on_gpu:
            return iter(self.loader)
        return (
            self.finish(
                images.to(self.work.device, non_blocking=True), labels.to(self.work.device, non_blocking=True)
            )
            for images, labels in self.loader
        )


def crop_and_flip(work: Work) -> list[Any]:
    return [
        v2.RandomResizedCrop(
            work.image_size, work.scale, work.ratio, interpolation=InterpolationMode.BILINEAR, antialias=True
        ),
        v2.RandomHorizontalFlip(work.hflip),
    ]


class TorchvisionPil(Contender):
    name: ClassVar[str] = "torchvision-pil"
    title: ClassVar[str] = "torchvision v2, PIL images"
    modules: ClassVar[tuple[str, ...]] = ("torchvision",)

    def build(self, samples: Samples, work: Work) -> Loader:
        transform: Callable[[Any], Any] = v2.Compose([*crop_and_flip(work), v2.PILToTensor()])
        return _TorchLoader(Files(samples, read_pil, transform), work)


class TorchvisionTensor(Contender):
    name: ClassVar[str] = "torchvision-tensor"
    title: ClassVar[str] = "torchvision v2, uint8 tensors"
    modules: ClassVar[tuple[str, ...]] = ("torchvision",)

    def build(self, samples: Samples, work: Work) -> Loader:
        return _TorchLoader(Files(samples, read_tensor, v2.Compose(crop_and_flip(work))), work)
