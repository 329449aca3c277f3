"""SPDL: FFmpeg decodes, crops, flips and resizes in threads; torch normalises and mixes whole batches after it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from PIL import Image

from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup.bench.contenders.base import Batch, Contender, Loader
from dali_mixup.bench.contenders.torch_mixing import TorchMixing
from dali_mixup.bench.work import Samples, Work

if TYPE_CHECKING:
    from torchvision.transforms import v2


def filters(path: str, law: v2.RandomResizedCrop, work: Work) -> str:
    """FFmpeg's filter text for one random crop of one file, drawn by torchvision's law from the size in its header."""
    with Image.open(path) as image:
        width, height = image.size
    box = law.make_params([torch.empty(3, height, width, device="meta")])
    flip = "hflip," if random.random() < work.hflip else ""
    return (
        f"crop=w={box['width']}:h={box['height']}:x={box['left']}:y={box['top']}:exact=1,{flip}"
        f"scale=w={work.image_size}:h={work.image_size}:flags=bilinear+accurate_rnd+full_chroma_int,format=pix_fmts=rgb24"
    )


class _SpdlLoader(Loader):
    def __init__(self, samples: Samples, work: Work):
        from torchvision.transforms import v2

        self.samples, self.work = list(samples), work
        self.law = v2.RandomResizedCrop(work.image_size, work.scale, work.ratio)
        self.mean = torch.tensor(IMAGENET_MEAN, device=work.device).view(1, 3, 1, 1)
        self.scale = 1 / torch.tensor(IMAGENET_STD, device=work.device).view(1, 3, 1, 1)
        self.mix = TorchMixing(work) if work.mixed else None
        self.order = random.Random(work.seed)

    def epoch(self) -> Iterator[Batch]:
        import spdl.io
        from spdl.pipeline import PipelineBuilder

        def load(sample: tuple[str, int]) -> tuple[Any, int]:
            path, label = sample
            packets = spdl.io.demux_image(path)
            frames = spdl.io.decode_packets(packets, filter_desc=filters(path, self.law, self.work))
            return frames, label

        def batch(loaded: list[tuple[Any, int]]) -> Batch:
            frames, labels = zip(*loaded, strict=True)
            images = spdl.io.to_torch(spdl.io.convert_frames(list(frames)))
            return images, torch.tensor(labels)

        shuffled = self.order.sample(self.samples, len(self.samples))
        builder: Any = PipelineBuilder()  # its types cannot express a chain of stages
        pipeline = (
            builder.add_source(shuffled)
            .pipe(load, concurrency=self.work.threads)
            .aggregate(self.work.batch_size, drop_last=True)
            .pipe(batch)
            .add_sink(self.work.prefetch)
            .build(num_threads=self.work.threads)
        )
        with pipeline.auto_stop():
            for images, labels in pipeline:
                images = images.to(self.work.device, non_blocking=True).permute(0, 3, 1, 2)
                images = (images - self.mean).mul_(self.scale).contiguous()
                labels = labels.to(self.work.device, non_blocking=True)
                yield (images, labels) if self.mix is None else self.mix(images, labels)


class SpdlThreads(Contender):
    name: ClassVar[str] = "spdl"
    title: ClassVar[str] = "SPDL, then mixing in torch"
    modules: ClassVar[tuple[str, ...]] = ("spdl.io", "spdl.pipeline", "torchvision")

    def missing(self, device: str) -> str:
        reason = super().missing(device)
        if reason:
            return reason
        from spdl.io import demux_config

        try:
            demux_config()  # the first use loads FFmpeg's shared libraries
        except RuntimeError:
            return "not installed: FFmpeg's shared libraries (libavfilter and libavdevice)"
        return ""

    def build(self, samples: Samples, work: Work) -> Loader:
        return _SpdlLoader(samples, work)
