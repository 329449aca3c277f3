"""What happens to an image before it is mixed: decode, crop, resize, flip."""

from __future__ import annotations

from .decode import Backend
from .train import TrainTransform
from .val import ValTransform

__all__ = ["Backend", "TrainTransform", "ValTransform"]
