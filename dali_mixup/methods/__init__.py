"""The mixing methods, one to a file, and the registry that recipes name them by. NumPy only."""

from __future__ import annotations

from .base import Draws, Form, Method
from .cutmix import CutMix
from .mixup import MixUp

REGISTRY: dict[str, type[Method]] = {
    method.name: method
    for method in (
        MixUp,
        CutMix,
    )
}

__all__ = ["REGISTRY", "CutMix", "Draws", "Form", "Method", "MixUp"]
