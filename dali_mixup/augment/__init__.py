"""What happens to an image before it is mixed: decode, crop, resize, flip, and random augmentation."""

from __future__ import annotations

from .decode import Backend
from .erasing import Cutout, RandomErasing
from .sizes import MultiScale, SizeSchedule
from .train import TrainTransform
from .val import ValTransform

__all__ = [
    "Backend",
    "Cutout",
    "MultiScale",
    "RandomErasing",
    "SizeSchedule",
    "TrainTransform",
    "ValTransform",
]
