"""The processing of an image before it is mixed: decode, crop, resize, flip, and random augmentation.

The transforms are descriptions that load without DALI; the modules ending in `_graph` are their operators.
"""

from __future__ import annotations

from dali_mixup.augment.erasing import Cutout, RandomErasing
from dali_mixup.augment.extra import Extra
from dali_mixup.augment.operations import Actions, kernels_of
from dali_mixup.augment.photometric import PhotometricDistort
from dali_mixup.augment.pixmix import PixMix
from dali_mixup.augment.sizes import MultiScale, SizeSchedule
from dali_mixup.augment.stage import Chance, Stage
from dali_mixup.augment.train import TrainTransform
from dali_mixup.augment.val import ValTransform
from dali_mixup.augment.view import View

__all__ = [
    "Actions",
    "Chance",
    "Cutout",
    "Extra",
    "MultiScale",
    "PhotometricDistort",
    "PixMix",
    "RandomErasing",
    "SizeSchedule",
    "Stage",
    "TrainTransform",
    "ValTransform",
    "View",
    "kernels_of",
]
