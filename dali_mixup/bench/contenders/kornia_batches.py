"""Kornia on whole batches after torch's DataLoader, compiled: flip, normalisation and mixing.

Images have different sizes until they are cropped, so TorchCodec and torchvision decode and crop them one by one in the
workers, as in Kornia's own examples of batched augmentation.
"""

from __future__ import annotations

import logging
import os
import shutil
from typing import Any, ClassVar

import torch
from torch.nn.functional import one_hot

from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup.bench.contenders.base import Batch, Contender, Loader
from dali_mixup.bench.contenders.files import Files
from dali_mixup.bench.contenders.torch_loader import TorchLoader
from dali_mixup.bench.contenders.torchcodec_images import missing_torchcodec, read_tensor
from dali_mixup.bench.contenders.torchvision_v2 import crop
from dali_mixup.bench.work import Samples, Work


class Finish:
    """Kornia's operations on whole batches: (N, 3, H, W) uint8 to flipped, normalised, mixed float32.

    Each process compiles its own, with its first batch. On the CPU those are the workers, as one thread each needs half
    the CPU time of two threads beside them.
    """

    def __init__(self, work: Work):
        self.work = work
        self.operations: _Operations | None = None

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> Batch:
        if self.operations is None:
            self.operations = _Operations(self.work)
        return self.operations(images, labels)


class _Operations:
    """CutMix is not compiled: it copies by a mask, which breaks the graph, and took as long compiled as not."""

    def __init__(self, work: Work):
        from kornia import augmentation

        # A value read in the middle of MixUp breaks the graph in two, and no CUDA is meant: not worth warnings.
        for name in ("torch._dynamo", "torch.utils.cpp_extension"):
            logging.getLogger(name).setLevel(logging.ERROR)
        flip = augmentation.RandomHorizontalFlip(p=work.hflip)
        normalise = augmentation.Normalize(list(IMAGENET_MEAN), list(IMAGENET_STD))
        keys: Any = ["input", "class"]
        self.mixup = augmentation.RandomMixUpV2(p=1.0, same_on_batch=True, data_keys=keys)
        self.cutmix = augmentation.RandomCutMixV2(
            p=1.0, beta=work.cutmix_alpha, same_on_batch=True, use_correct_lambda=True, data_keys=keys
        )

        def prepared(images: torch.Tensor) -> torch.Tensor:
            return normalise(flip(images.float()))

        def blended(images: torch.Tensor, labels: torch.Tensor, parameters: dict[str, torch.Tensor]) -> Any:
            return self.mixup(prepared(images), labels, params=parameters)

        self.prepared, self.blended = torch.compile(prepared), torch.compile(blended)
        self.law = torch.distributions.Beta(work.mixup_alpha, work.mixup_alpha)
        self.work = work
        size = (work.batch_size, 3, work.image_size, work.image_size)
        images = torch.zeros(size, dtype=torch.uint8, device=work.device)
        labels = torch.zeros(work.batch_size, dtype=torch.int64, device=work.device)
        self.prepared(images)
        if work.mixed:
            self._mixup(images, labels)

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> Batch:
        if not self.work.mixed:
            return self.prepared(images), labels
        if torch.rand(()) < 0.5:
            return self._mixup(images, labels)
        mixed, found = self.cutmix(self.prepared(images), labels)
        own, partner, share = found[0].unbind(1)
        return mixed, self._targets(own, partner, share)

    def _mixup(self, images: torch.Tensor, labels: torch.Tensor) -> Batch:
        # Kornia draws uniform weights; the work's are Beta(alpha, alpha).
        parameters = self.mixup.forward_parameters(images.shape)
        parameters["mixup_lambdas"] = self.law.sample().expand(len(images))
        mixed, found = self.blended(images, labels, parameters)
        own, partner, of_partner = found.unbind(1)
        return mixed, self._targets(own, partner, 1 - of_partner)

    def _targets(self, own: torch.Tensor, partner: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        ours, theirs = (one_hot(labels.long(), self.work.classes).float() for labels in (own, partner))
        return torch.lerp(theirs, ours, share[:, None])


class Kornia(Contender):
    name: ClassVar[str] = "kornia"
    title: ClassVar[str] = "Kornia, compiled, on batches of torchvision"
    modules: ClassVar[tuple[str, ...]] = ("kornia.augmentation", "torchvision", "torchcodec")

    def missing(self, device: str) -> str:
        return super().missing(device) or missing_torchcodec() or _no_compiler(device)

    def build(self, samples: Samples, work: Work) -> Loader:
        return TorchLoader(Files(samples, read_tensor, crop(work)), work, Finish(work), work.device == "cuda")


def _no_compiler(device: str) -> str:
    """torch.compile needs a C++ compiler for code on the CPU."""
    if device == "cuda" or shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++"):
        return ""
    return "torch.compile needs a C++ compiler: g++ or clang++, or the one that CXX names"
