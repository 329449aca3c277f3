"""The class ids in an encoded mask.

Pillow decodes them: DALI's decoders give the colours of a palette in place of its indices. Pillow takes about as much
CPU time (circles on 2048 x 1024 grey pixels: 4.7 ms, DALI 4.9 ms), lets other threads run meanwhile, and reports a
truncated file.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

import numpy as np

_ONE_CHANNEL = ("1", "L", "P", "I;16", "I;16B", "I;16L", "I")
"""Pillow's modes of masks: bits, grey, indices into a palette, and integers."""

_MOST_VALUES = 1 << 16

_DEPTH_OF_PNG = 24
"""The byte of a PNG file that holds its bits per sample (ISO/IEC 15948, 11.2.1)."""


_ORIENTATION, _PHOTOMETRIC, _BITS = 274, 262, 258
"""Tags of TIFF."""

_HEAD = 1024
_PGM = re.compile(rb"P[25]" + rb"(?:\s|#[^\n]*\n)+\d+" * 2 + rb"(?:\s|#[^\n]*\n)+(\d+)")
"""The header of a PGM file, with its largest value."""


def mask_pixels(encoded: bytes | np.ndarray, most_pixels: int) -> np.ndarray:
    """(H, W) integers, as stored; of an image with a palette the indices.

    Raises:
        ValueError: an image that is no mask: of several channels, or compressed with loss.
        OSError: an image that cannot be decoded.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on large images
        with Image.open(io.BytesIO(bytes(encoded))) as image:
            if image.width * image.height > most_pixels:
                raise ValueError(
                    f"{image.width} x {image.height} pixels, expected at most max_pixels={most_pixels}"
                )
            if image.format in ("JPEG", "MPO"):
                raise ValueError("a JPEG, whose compression changes class ids; expected a PNG")
            if image.mode not in _ONE_CHANNEL:
                raise ValueError(
                    f"a mask of Pillow's mode {image.mode}; expected one channel of class ids, grey or with a palette"
                )
            _refuse_other_values(image, bytes(encoded[:_HEAD]))
            pixels = np.asarray(image)
            if image.format == "PNG" and image.mode == "L" and (depth := int(encoded[_DEPTH_OF_PNG])) < 8:
                pixels = pixels // (
                    255 // (2**depth - 1)
                )  # Pillow scales grey levels of 2 and 4 bits to 0..255
    return pixels.astype(np.uint8) if pixels.dtype == bool else pixels


def _refuse_other_values(image: Any, head: bytes) -> None:
    """Raise ValueError for files of which Pillow gives other values, or other places, than they hold."""
    if image.format == "TIFF":
        tags = image.tag_v2
        if tags.get(_ORIENTATION, 1) != 1:
            raise ValueError(
                f"a TIFF with orientation {tags[_ORIENTATION]}, which is not applied to images; expected one without"
            )
        if tags.get(_PHOTOMETRIC) == 0 or max(tags.get(_BITS, (8,))) in (2, 4):
            raise ValueError("a TIFF of 2 or 4 bits, or in which 0 is white; expected 8 or 16 bits, or a PNG")
    if image.format == "PPM":
        found = _PGM.match(head)
        if found is None:
            raise ValueError("a PBM, in which 1 is black; expected a PGM or a PNG")
        if int(found[1]) not in (255, 65535):
            raise ValueError(
                f"a PGM whose largest value (maxval) is {int(found[1])}, to which Pillow scales; expected 255 or "
                "65535, or a PNG"
            )


def class_ids(pixels: np.ndarray, table: np.ndarray | None, classes: int, ignore_index: int) -> np.ndarray:
    """(H, W) uint8 class ids from the values in a mask.

    Args:
        table: class id of each value, as `Masks.table`; None: the values themselves.
        classes: number of classes; every id must be below it, or `ignore_index`.

    Raises:
        ValueError: another id, or values of more than 16 bits.
    """
    if pixels.dtype != np.uint8 and (pixels.min() < 0 or pixels.max() >= _MOST_VALUES):
        raise ValueError(f"values from {pixels.min()} to {pixels.max()}; expected 8 or 16 bits")
    if table is not None:
        pixels = table[pixels]
    if pixels.max() >= classes:
        found = np.flatnonzero(np.bincount(pixels.ravel()))
        wrong = found[(found >= classes) & (found != ignore_index)]
        if wrong.size:
            raise ValueError(
                f"class id {wrong[0]} outside [0, {classes}), and not ignore_index={ignore_index}; expected other "
                "num_classes or classes, or Masks(ids={...}), which gives the class of each value"
            )
    return np.ascontiguousarray(pixels, np.uint8)
