"""torch's DataLoader with torchvision's v2 transforms and its MixUp and CutMix: on PIL images, and on uint8 tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from PIL import Image

from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup.bench.contenders.base import Batch, Contender, Loader
from dali_mixup.bench.contenders.files import Files
from dali_mixup.bench.contenders.torch_loader import TorchLoader
from dali_mixup.bench.contenders.torchcodec_images import missing_torchcodec, read_tensor
from dali_mixup.bench.work import Samples, Work

if TYPE_CHECKING:
    from torchvision.transforms import v2


def read_pil(path: str) -> Image.Image:
    with open(path, "rb") as file:
        return Image.open(file).convert("RGB")


class Finish:
    """torchvision's operations on whole batches: (N, 3, H, W) uint8 to normalised float32, and the mixing."""

    def __init__(self, work: Work):
        from torchvision.transforms import v2

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


def crop(work: Work) -> v2.RandomResizedCrop:
    from torchvision.transforms import InterpolationMode, v2

    return v2.RandomResizedCrop(
        work.image_size, work.scale, work.ratio, interpolation=InterpolationMode.BILINEAR, antialias=True
    )


def crop_and_flip(work: Work) -> list[Any]:
    from torchvision.transforms import v2

    return [crop(work), v2.RandomHorizontalFlip(work.hflip)]


class TorchvisionPil(Contender):
    name: ClassVar[str] = "torchvision-pil"
    title: ClassVar[str] = "torchvision v2, PIL images"
    modules: ClassVar[tuple[str, ...]] = ("torchvision",)

    def build(self, samples: Samples, work: Work) -> Loader:
        from torchvision.transforms import v2

        transform: Callable[[Any], Any] = v2.Compose([*crop_and_flip(work), v2.PILToTensor()])
        return TorchLoader(Files(samples, read_pil, transform), work, Finish(work), work.device == "cuda")


class TorchvisionTensor(Contender):
    name: ClassVar[str] = "torchvision-tensor"
    title: ClassVar[str] = "torchvision v2, uint8 tensors of TorchCodec"
    modules: ClassVar[tuple[str, ...]] = ("torchvision", "torchcodec")

    def missing(self, device: str) -> str:
        return super().missing(device) or missing_torchcodec()

    def build(self, samples: Samples, work: Work) -> Loader:
        from torchvision.transforms import v2

        data = Files(samples, read_tensor, v2.Compose(crop_and_flip(work)))
        return TorchLoader(data, work, Finish(work), work.device == "cuda")
