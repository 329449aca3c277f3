"""Pillow's pixels of an image, as DALI decodes them."""

from __future__ import annotations

import numpy as np
from PIL import Image

_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey is scaled to 8 bits (mode L), where Pillow's own conversion clips it at 255; others as they are."""
    if image.mode not in _SIXTEEN_BIT:
        return image
    grey = np.asarray(image).astype(np.float64) / 257
    return Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8))


def rgb(image: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8 pixels."""
    return np.asarray(eight_bits(image).convert("RGB"))
