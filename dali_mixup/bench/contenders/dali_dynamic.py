"""DALI's dynamic mode with capture, which prefetches as a pipeline does; the mixing in torch after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch

from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup.bench.contenders.base import Batch, Contender, Loader
from dali_mixup.bench.contenders.torch_mixing import TorchMixing
from dali_mixup.bench.work import Samples, Work


class _DynamicLoader(Loader):
    def __init__(self, samples: Samples, work: Work):
        import nvidia.dali.experimental.dynamic as ndd

        ndd.set_num_threads(work.dali_threads)
        self.work, self.steps = work, work.steps(len(samples))
        self.mix = TorchMixing(work) if work.mixed else None
        self.rng = ndd.random.RNG(seed=work.seed)
        self.reader = ndd.readers.File(
            files=[path for path, _ in samples],
            labels=[label for _, label in samples],
            shuffle_after_epoch=True,
            shuffle_after_epoch_seed=work.seed,
            pad_last_batch=True,  # else the last batch takes images of the next epoch
        )

    def epoch(self) -> Iterator[Batch]:
        import nvidia.dali.experimental.dynamic as ndd
        from nvidia.dali.types import DALIInterpType

        work = self.work
        # An operator is captured only if its arguments are known not to change, from the source text or by this mark.
        fixed = ndd.capture.invariant
        device = fixed("cpu" if work.device == "cpu" else "gpu")
        area, ratio, hflip = fixed(list(work.scale)), fixed(list(work.ratio)), fixed(work.hflip)
        count, size = fixed(work.batch_size), fixed([work.image_size, work.image_size])
        mean, std = fixed(list(IMAGENET_MEAN)), fixed(list(IMAGENET_STD))
        linear, dtype = fixed(DALIInterpType.INTERP_LINEAR), fixed(ndd.float32)
        batches: Any = self.reader.next_epoch(batch_size=work.batch_size, capture=True)
        for step, (encoded, labels) in enumerate(batches):
            images = ndd.decoders.image_random_crop(
                encoded,
                device=device,
                random_area=area,
                random_aspect_ratio=ratio,
                num_attempts=10,
                adjust_orientation=False,
                jpeg_fancy_upsampling=True,
                rng=self.rng,
            )
            images = ndd.resize(images, size=size, interp_type=linear, antialias=True)
            mirror = ndd.random.coin_flip(probability=hflip, batch_size=count, rng=self.rng)
            images = ndd.crop_mirror_normalize(
                images, mirror=mirror, mean=mean, std=std, dtype=dtype, output_layout="CHW"
            )
            if step < self.steps:  # an epoch must be read to its end before the next one
                pixels = images.torch()
                classes = labels.torch().squeeze(1).to(pixels.device, torch.int64, non_blocking=True)
                yield (pixels, classes) if self.mix is None else self.mix(pixels, classes)

    def close(self) -> None:
        del self.reader


class DaliDynamic(Contender):
    name: ClassVar[str] = "dali-dynamic"
    title: ClassVar[str] = "DALI's dynamic mode, then mixing in torch"
    modules: ClassVar[tuple[str, ...]] = ("nvidia.dali.experimental.dynamic",)

    def build(self, samples: Samples, work: Work) -> Loader:
        return _DynamicLoader(samples, work)
