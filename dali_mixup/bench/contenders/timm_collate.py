"""timm's create_loader with FastCollateMixup: workers mix uint8 while collating, the main process normalises."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup.bench.contenders.base import Contender, Loader, Repeatable
from dali_mixup.bench.contenders.files import Files
from dali_mixup.bench.contenders.torchvision_v2 import read_pil
from dali_mixup.bench.work import Samples, Work


class TimmFastCollate(Contender):
    name: ClassVar[str] = "timm"
    title: ClassVar[str] = "timm, FastCollateMixup"
    modules: ClassVar[tuple[str, ...]] = ("timm.data",)

    def build(self, samples: Samples, work: Work) -> Loader:
        from timm import data as timm_data  # its type hints are narrower than the accepted arguments

        timm: Any = timm_data
        mixing = timm.FastCollateMixup(
            mixup_alpha=work.mixup_alpha,
            cutmix_alpha=work.cutmix_alpha,
            switch_prob=0.5,
            mode="batch",
            label_smoothing=0.0,
            num_classes=work.classes,
        )
        return Repeatable(
            timm.create_loader(
                Files(samples, read_pil),  # create_loader sets the transform
                input_size=(3, work.image_size, work.image_size),
                batch_size=work.batch_size,
                is_training=True,
                scale=work.scale,
                ratio=work.ratio,
                hflip=work.hflip,
                color_jitter=None,
                interpolation="bilinear",
                mean=tuple(value / 255 for value in IMAGENET_MEAN),
                std=tuple(value / 255 for value in IMAGENET_STD),
                num_workers=work.threads,
                collate_fn=mixing if work.mixed else None,
                pin_memory=work.device == "cuda",
                device=torch.device(work.device),
                use_prefetcher=True,
                persistent_workers=True,
            )
        )
