"""DALI's own reader, pipeline and torch iterator, with the mixing in torch after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch

from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup.bench.contenders.base import Batch, Contender, Loader
from dali_mixup.bench.contenders.torch_mixing import TorchMixing
from dali_mixup.bench.work import Samples, Work


def decoded(samples: Samples, work: Work) -> tuple[Any, Any]:
    """Cropped uint8 images and labels as DataNodes: decoding as in DALI's examples, with the options that give the
    pixels of libjpeg-turbo and Pillow, as in every contender."""
    from nvidia.dali import fn

    encoded, labels = fn.readers.file(
        files=[path for path, _ in samples],
        labels=[label for _, label in samples],
        shuffle_after_epoch=True,
        shuffle_after_epoch_seed=work.seed,
        name="reader",
    )
    images = fn.decoders.image_random_crop(
        encoded,
        device="cpu" if work.device == "cpu" else "mixed",
        random_area=list(work.scale),
        random_aspect_ratio=list(work.ratio),
        num_attempts=10,
        adjust_orientation=False,
        jpeg_fancy_upsampling=True,
    )
    return images, labels


def arguments(work: Work) -> dict[str, Any]:
    return {
        "batch_size": work.batch_size,
        "num_threads": work.dali_threads,
        "device_id": None if work.device == "cpu" else 0,
        "prefetch_queue_depth": work.prefetch,
        "seed": work.seed,
    }


class _DaliLoader(Loader):
    def __init__(self, samples: Samples, work: Work):
        from nvidia.dali import fn, pipeline_def, types
        from nvidia.dali.plugin.pytorch import DALIGenericIterator, LastBatchPolicy

        @pipeline_def(**arguments(work))
        def pipeline() -> tuple[Any, Any]:
            images, labels = decoded(samples, work)
            images = fn.resize(
                images,
                size=[work.image_size, work.image_size],
                interp_type=types.DALIInterpType.INTERP_LINEAR,
                antialias=True,
            )
            images = fn.crop_mirror_normalize(
                images,
                mirror=fn.random.coin_flip(probability=work.hflip),
                mean=list(IMAGENET_MEAN),
                std=list(IMAGENET_STD),
                dtype=types.DALIDataType.FLOAT,
                output_layout="CHW",
            )
            return images, labels

        self.device = work.device
        self.mix = TorchMixing(work) if work.mixed else None
        self.iterator = DALIGenericIterator(
            [pipeline()],
            ["images", "labels"],
            reader_name="reader",
            auto_reset=True,
            last_batch_policy=LastBatchPolicy.DROP,
        )

    def epoch(self) -> Iterator[Batch]:
        for (batch,) in self.iterator:
            images = batch["images"]
            labels = batch["labels"].squeeze(1).to(self.device, torch.int64, non_blocking=True)
            yield (images, labels) if self.mix is None else self.mix(images, labels)

    def close(self) -> None:
        del self.iterator


class DaliTorch(Contender):
    name: ClassVar[str] = "dali-torch"
    title: ClassVar[str] = "DALI, then mixing in torch"
    modules: ClassVar[tuple[str, ...]] = ("nvidia.dali",)

    def build(self, samples: Samples, work: Work) -> Loader:
        return _DaliLoader(samples, work)


class DaliUnmixed(DaliTorch):
    name: ClassVar[str] = "dali-off"
    title: ClassVar[str] = "DALI without mixing"
    role: ClassVar[str] = "reference"
