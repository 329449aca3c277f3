"""What happens to an image before it is mixed: decode, crop, resize, flip, and random augmentation."""

from __future__ import annotations

import dali_mixup._graph.installed  # noqa: F401

# isort: split
from dali_mixup._graph.decode import Backend
from dali_mixup.augment.erasing import Cutout, RandomErasing
from dali_mixup.augment.operations import Actions, kernels_of
from dali_mixup.augment.sizes import MultiScale, SizeSchedule
from dali_mixup.augment.stage import Chance, Stage
from dali_mixup.augment.train import TrainTransform
from dali_mixup.augment.val import ValTransform

__all__ = [
    "Actions",
    "Backend",
    "Chance",
    "Cutout",
    "MultiScale",
    "RandomErasing",
    "SizeSchedule",
    "Stage",
    "TrainTransform",
    "ValTransform",
    "kernels_of",
]
