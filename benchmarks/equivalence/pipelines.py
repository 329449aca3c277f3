"""The four pipelines: the same decoding, cropping, flipping, normalising and mixing, each as its library writes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks.equivalence.settings import (
    AREA,
    CUTMIX_ALPHA,
    DALI,
    HFLIP,
    MEAN,
    MIXUP_ALPHA,
    OURS,
    RATIO,
    SMOOTHING,
    STD,
    TITLES,
    TORCHVISION,
    Settings,
)
from dali_mixup import MixPolicy, Output, Runtime, TrainTransform, train_loader
from dali_mixup._loader.loader import MixLoader

Batch = tuple[Tensor, Tensor]
"""Images (N, 3, size, size) float32, normalised and mixed, and soft targets (N, classes) float32, on the device."""


class Loader(Protocol):
    """Mixed batches, epoch after epoch: every `iter()` is one."""

    def __iter__(self) -> Iterator[Batch]: ...


def opened(name: str, settings: Settings, seed: int) -> Loader:
    """The pipeline of that name, whose order, crops, flips and mixing follow from the seed.

    timm and torchvision draw from the global generators of NumPy and torch, which are seeded for them.
    """
    own = own_seed(name, seed)
    np.random.seed(own)
    torch.manual_seed(own)
    if name == TORCHVISION:
        return MixedByTimm(torchvision_loader(settings), settings)
    if name == DALI:
        return MixedByTimm(DaliLoader(settings, own), settings)
    return our_loader(settings, own, compiled=name == OURS)


def own_seed(name: str, seed: int) -> int:
    """A seed in 0..2^31 - 1 of the pipeline's own: with the same one, two pipelines with the same mixing code would mix
    alike, and their results would not be independent."""
    return int(np.random.SeedSequence((list(TITLES).index(name), seed)).generate_state(1)[0] >> 1)


def num_classes(settings: Settings) -> int:
    return sum(child.is_dir() for child in (settings.data / "train").iterdir())


class MixedByTimm:
    """Batches of a loader without mixing, mixed on the device by `timm.data.Mixup`."""

    def __init__(self, loader: Any, settings: Settings) -> None:
        from timm.data.mixup import Mixup

        self.loader, self.device = loader, settings.device
        self.mixup = Mixup(  # type: ignore[no-untyped-call]  # timm has no types here
            mixup_alpha=MIXUP_ALPHA,
            cutmix_alpha=CUTMIX_ALPHA,
            label_smoothing=SMOOTHING,
            num_classes=num_classes(settings),
        )

    def __iter__(self) -> Iterator[Batch]:
        for images, labels in self.loader:
            yield self.mixup(
                images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True)
            )


def torchvision_loader(settings: Settings) -> Any:
    """A DataLoader over an ImageFolder, as in torchvision's references."""
    from torchvision import transforms

    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(settings.size, scale=AREA, ratio=RATIO),
            transforms.RandomHorizontalFlip(HFLIP),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return _of_folder("train", transform, settings, shuffle=True, drop_last=True)


def torchvision_test_loader(settings: Settings) -> Any:
    """Test images as torchvision's references validate: the shorter side to 256 / 224 of the size, the centre."""
    from torchvision import transforms

    transform = transforms.Compose(
        [
            transforms.Resize(resize_size(settings)),
            transforms.CenterCrop(settings.size),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return _of_folder("val", transform, settings)


def resize_size(settings: Settings) -> int:
    """Pixels of a test image's shorter side before its centre is cropped."""
    return round(settings.size * 256 / 224)


def _of_folder(split: str, transform: Any, settings: Settings, **options: Any) -> Any:
    import torchvision

    workers = 0 if settings.workers == 1 else settings.workers
    return torch.utils.data.DataLoader(
        torchvision.datasets.ImageFolder(settings.data / split, transform),
        settings.batch_size,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=settings.device != "cpu",
        **options,
    )


class DaliLoader:
    """DALI's reader, operators and torch iterator, as in NVIDIA's ResNet-50 example, with the recipe's crops.

    The example's reader shuffles the files once and then draws from a buffer of 1024.
    """

    def __init__(self, settings: Settings, seed: int) -> None:
        from nvidia.dali import fn, pipeline_def, types
        from nvidia.dali.plugin.pytorch import DALIClassificationIterator, LastBatchPolicy

        on_gpu = settings.device != "cpu"

        @pipeline_def(
            batch_size=settings.batch_size,
            num_threads=settings.workers,
            device_id=torch.device(settings.device).index or 0 if on_gpu else None,
            seed=seed,
        )
        def pipeline() -> tuple[Any, Any]:
            encoded, labels = fn.readers.file(
                file_root=str(settings.data / "train"),
                random_shuffle=True,
                pad_last_batch=False,
                name="Reader",
            )
            images = fn.decoders.image_random_crop(
                encoded,
                device="mixed" if on_gpu else "cpu",
                output_type=types.RGB,
                random_aspect_ratio=list(RATIO),
                random_area=list(AREA),
                num_attempts=100,
            )
            images = fn.resize(
                images, resize_x=settings.size, resize_y=settings.size, interp_type=types.INTERP_TRIANGULAR
            )
            images = fn.crop_mirror_normalize(
                images,
                dtype=types.FLOAT,
                output_layout="CHW",
                crop=(settings.size, settings.size),
                mean=[255 * channel for channel in MEAN],
                std=[255 * channel for channel in STD],
                mirror=fn.random.coin_flip(probability=HFLIP),
            )
            return images, labels.gpu() if on_gpu else labels

        self.iterator = DALIClassificationIterator(
            pipeline(), reader_name="Reader", last_batch_policy=LastBatchPolicy.DROP, auto_reset=True
        )

    def __iter__(self) -> Iterator[Batch]:
        for (batch,) in self.iterator:
            yield batch["data"], batch["label"].squeeze(1).long()


def our_loader(settings: Settings, seed: int, *, compiled: bool) -> MixLoader:
    """`train_loader`, which mixes in its own graph; on the CPU with compiled kernels or with DALI's operators."""
    return train_loader(
        settings.data / "train",
        policy=MixPolicy.from_timm(MIXUP_ALPHA, CUTMIX_ALPHA, label_smoothing=SMOOTHING),
        transform=TrainTransform(settings.size, scale=AREA, ratio=RATIO, hflip=HFLIP),
        batch_size=settings.batch_size,
        device=settings.device,
        seed=seed,
        rank=0,
        world_size=1,
        output=OUTPUT,
        runtime=Runtime(num_threads=settings.workers, cpu_kernels="numba" if compiled else "dali"),
    )


OUTPUT = Output(tuple(255 * channel for channel in MEAN), tuple(255 * channel for channel in STD))
