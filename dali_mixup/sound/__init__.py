"""Mixing of raw sound by loudness, for which a plan's weights alone are not enough."""

from __future__ import annotations

from dali_mixup.sound.between_class import between_class
from dali_mixup.sound.loudness import gain

__all__ = ["between_class", "gain"]
