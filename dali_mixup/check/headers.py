"""The header of a sample, read as the loaders read it, and Pillow's message for a sample that cannot be decoded."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image

from dali_mixup._graph.look import UnfitError, encoded_sample, explained, look
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup.check.findings import Finding, Header
from dali_mixup.sources.base import Source

_ORIENTATION = 0x0112
_UPRIGHT, _TURNED = 1, range(2, 9)
"""Values of the tag. Others mean nothing, and viewers ignore them."""


def read_header(source: Source, index: int, max_pixels: int, kind: PixelKind = USUAL) -> Header | Finding:
    """The header of a sample, or the reason why it must not reach the decoder of pixels of that kind. Raises
    StorageError as `look_at`."""
    try:
        encoded = encoded_sample(source, index, max_pixels, kind)
        found = look(encoded, max_pixels, kind)
    except UnfitError as error:
        return Finding(index, source.key(index), error.problem, error.detail)
    rotated = _is_rotated(encoded)
    return Header(
        found.format, found.width, found.height, found.channels, found.bytes, rotated, found.animated
    )


def undecodable(source: Source, index: int, max_pixels: int, reason: str, kind: PixelKind = USUAL) -> Finding:
    """The finding for a sample that DALI fails to decode with `reason`; Pillow tells whether it is truncated."""
    try:
        error = explained(encoded_sample(source, index, max_pixels, kind), max_pixels, reason)
    except UnfitError as changed:
        error = changed
    return Finding(index, source.key(index), error.problem, error.detail)


def _is_rotated(encoded: bytes | np.ndarray) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on large images and odd EXIF
            with Image.open(io.BytesIO(bytes(encoded))) as image:
                if image.format == "PNG" and "exif" not in image.info:
                    return False  # Pillow would decode the whole image to look for a block at its end
                return int(image.getexif().get(_ORIENTATION, _UPRIGHT)) in _TURNED
    except (
        Exception
    ):  # a damaged EXIF block, or an image that Pillow does not accept, says nothing about the pixels
        return False
