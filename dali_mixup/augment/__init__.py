"""What happens to an image before it is mixed: decode, crop, resize, flip, and random augmentation."""

from __future__ import annotations

import dali_mixup._graph.installed  # noqa: F401

# isort: split
from dali_mixup._graph.decode import Backend
from dali_mixup.augment.erasing import Cutout, RandomErasing
from dali_mixup.augment.sizes import MultiScale, SizeSchedule
from dali_mixup.augment.train import TrainTransform
from dali_mixup.augment.val import ValTransform

__all__ = [
    "Backend",
    "Cutout",
    "MultiScale",
    "RandomErasing",
    "SizeSchedule",
    "TrainTransform",
    "ValTransform",
]
