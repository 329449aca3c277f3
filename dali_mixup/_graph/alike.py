"""Good images that ask as much of a decoder as a given one, to tell a bad image from a lack of memory."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from dali_mixup._graph.look import Look, good_image, parsed
from dali_mixup._graph.pixel_kind import PixelKind

_OPTIONS = {"JPEG": {"progressive": True}}
"""Of a progressive JPEG the coefficients of all pixels are in memory at once."""


def alike(sample: np.ndarray, named: bool, kind: PixelKind) -> np.ndarray:
    """(bytes,) uint8 of an image that any decoder accepts, of a sample's size and, where pixels are converted, of its
    format; a small one if the sample's header does not tell.

    Args:
        sample: (bytes,) uint8, an encoded image.
        named: it is the image's path instead.
        kind: the pixels that are decoded.
    """
    content = sample.tobytes()
    try:
        found, _ = parsed(Path(os.fsdecode(content)).read_bytes() if named else content)
        return _good(found, kind)
    except MemoryError:
        raise
    except Exception:  # parsers raise all kinds of errors, and no format takes every size
        return good_image(kind=kind)


def _good(found: Look, kind: PixelKind) -> np.ndarray:
    if not kind.usual:
        return good_image(found.height, found.width, kind)
    buffer = io.BytesIO()
    Image.new("RGB", (found.width, found.height)).save(buffer, found.format, **_OPTIONS.get(found.format, {}))
    return np.frombuffer(buffer.getvalue(), np.uint8)
