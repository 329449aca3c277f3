"""Pillow's pixels of an image, as DALI decodes them, and its messages about those that it does not decode."""

from __future__ import annotations

import re

import numpy as np
from PIL import Image

from dali_mixup._graph.pixel_kind import PixelKind

_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey is scaled to 8 bits (mode L), where Pillow's own conversion clips it at 255; others as they are."""
    if image.mode not in _SIXTEEN_BIT:
        return image
    grey = np.asarray(image).astype(np.float64) / 257
    return Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8))


def of_pillow(image: Image.Image, kind: PixelKind) -> np.ndarray:
    """(H, W, C) uint8 pixels, grey or RGB; Pillow has no more bits of colours."""
    converted = eight_bits(image).convert("L" if kind.channels == 1 else "RGB")
    return np.asarray(converted).reshape(image.height, image.width, kind.channels)


def message(error: Exception) -> str:
    """The text of an error, equal for equal images: without the address of the object that Pillow reads."""
    return re.sub(r" <\S+ object at 0x[0-9a-f]+>", "", str(error)) or type(error).__name__
