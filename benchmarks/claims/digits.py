"""scikit-learn's handwritten digits as image files, and as this library's loaders read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dali_mixup import HandOver, MixLoader, MixPolicy, Output, Runtime, train_loader, val_loader
from dali_mixup._files import replacing
from dali_mixup.augment import TrainTransform, ValTransform
from dali_mixup.sources import FileList

SIDE = 8  # pixels
CLASSES = 10
GREY = 15  # a digit's 17 grey levels, 0..16, times this are exact in a PNG
# Mean and standard deviation of all pixels of the 1797 digits, in grey levels: pixels are standardised, as is usual.
# Networks on pixels in [0, 1] train more slowly, which handicaps ERM more than mixup.
LEVEL_MEAN, LEVEL_STD = 4.8842, 6.0168
MEAN, STD = (LEVEL_MEAN * GREY,) * 3, (LEVEL_STD * GREY,) * 3
BLACK, WHITE = (0 - LEVEL_MEAN) / LEVEL_STD, (16 - LEVEL_MEAN) / LEVEL_STD  # a pixel's range
RANGE = WHITE - BLACK  # 1.0 for pixels in [0, 1]
TEST = 797  # of the 1797 digits; up to 1000 are left to train on


@dataclass(frozen=True)
class Digits:
    """All 1797 digits: their files, labels (1797,) int64, and the output of the validation pipeline, images (1797, 3,
    8, 8) float32, standardised."""

    paths: tuple[Path, ...]
    labels: Tensor
    images: Tensor

    def source(self, samples: np.ndarray) -> FileList:
        """These samples, in this order, with all ten classes."""
        classes = [str(c) for c in range(CLASSES)]
        return FileList([self.paths[i] for i in samples], self.labels[samples].numpy(), classes)

    def loader(
        self, samples: np.ndarray, policy: MixPolicy | None, batch_size: int, seed: int, **options: Any
    ) -> MixLoader:
        """Batches of unaugmented digits in a new order every epoch, mixed by the policy, with a record that holds the
        unmixed images too; `options` go to `train_loader`."""
        usual: dict[str, Any] = {
            "transform": TrainTransform(image_size=SIDE, crop="padded", padding=0, hflip=0.0),
            "handover": HandOver(clean=policy is not None),
        }
        return train_loader(
            self.source(samples),
            policy=policy,
            batch_size=batch_size,
            output=Output(MEAN, STD),
            device="cpu",
            seed=seed,
            rank=0,
            world_size=1,
            targets="labels" if policy is None else "compact",
            drop_last=False,
            runtime=Runtime(num_threads=1),
            **usual | options,
        )


def split(seed: int, train: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of `train` digits to train on and of `TEST` others; with the same seed, fewer are some of more.

    Raises:
        ValueError: more training digits than there are.
    """
    order = np.random.RandomState(seed).permutation(1797)
    if not 0 < train <= 1797 - TEST:
        raise ValueError(f"split: train={train}, expected 1 to {1797 - TEST} digits")
    return order[TEST : TEST + train], order[:TEST]


def digits(folder: Path) -> Digits:
    """Draw the digits into the folder, if they are not there already, and read them through `val_loader`.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"{i:04d}.png" for i in range(len(found.target)))
    for path, levels in zip(paths, found.images, strict=True):
        if not path.exists():
            with replacing(path) as file:  # a run that is interrupted here must not leave half a file
                Image.fromarray((levels * GREY).astype(np.uint8)).save(file, format="png")
    source = FileList(list(paths), found.target, [str(c) for c in range(CLASSES)])
    with val_loader(
        source,
        batch_size=256,
        transform=ValTransform(SIDE, SIDE),
        output=Output(MEAN, STD),
        device="cpu",
        rank=0,
        world_size=1,
        runtime=Runtime(num_threads=1),
    ) as loader:
        batches = [(images, labels) for images, labels in loader]
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return Digits(paths, labels, images)
