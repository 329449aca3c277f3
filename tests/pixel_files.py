"""Image files of any number of channels and 8 or 16 bits, and their pixels, made here and now."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from tests.bad_images import encoded
from tests.raw_images import raw_png

DTYPES = {8: np.uint8, 16: np.uint16}


def plain(height: int, width: int, value: Any, bits: int) -> np.ndarray:
    """(height, width, C) pixels that are all the same, `value` (C,)."""
    return np.broadcast_to(np.asarray(value, DTYPES[bits]), (height, width, len(value))).copy()


def noise(height: int, width: int, channels: int, bits: int, seed: int = 0) -> np.ndarray:
    shape = (height, width, channels)
    return np.random.RandomState(seed).randint(0, 2**bits, shape).astype(DTYPES[bits])


def png(pixels: np.ndarray) -> bytes:
    """Grey, grey and alpha, RGB or RGBA."""
    height, width, channels = pixels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1)
    return raw_png(rows, width, 8 * pixels.itemsize, colour)


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    """With the channels side by side unless `planarconfig` says otherwise."""
    buffer = io.BytesIO()
    given = {"photometric": "rgb" if pixels.shape[2] in (3, 4) else "minisblack", "planarconfig": "contig"}
    given |= options
    if pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
        del given["planarconfig"]
    elif given["planarconfig"] == "separate":
        pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    tifffile.imwrite(buffer, pixels, **given)
    return buffer.getvalue()


def jpeg(pixels: np.ndarray) -> bytes:
    return encoded(Image.fromarray(pixels), "JPEG", quality=95)


def folder_of(folder: Path, files: list[bytes], ending: str) -> Path:
    """Two classes, to which the files belong in turn."""
    for i, content in enumerate(files):
        place = folder / "ab"[i % 2] / f"{i:03}.{ending}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder
