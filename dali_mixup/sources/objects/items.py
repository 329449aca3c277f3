"""Images that Python code gives: encoded, as a Pillow image, or as an array of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dali_mixup.sources.objects.pixels import MOST_CHANNELS, encoded_pixels
from dali_mixup.sources.reading import read_file

_KEPT = ("L", "RGB", "RGBA", "I;16", "I;16L", "I;16B", "I;16N")
_CONVERTED = ("1", "P", "PA", "LA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
"""Pillow's modes of 8 bits beside those."""

_LIKELY_CHANNELS = ((1, 3), (2, 4), range(5, MOST_CHANNELS + 1))
"""Numbers by which the axis of the channels is recognised, the likeliest first."""

_MOST_BYTES = 1 << 31
"""Of a file that an item names; images are limited by `Runtime(max_pixels=...)`."""


def encoded_item(item: Any) -> np.ndarray:
    """One image as (bytes,) uint8 that DALI decodes to exactly its pixels.

    Args:
        item: an encoded image (bytes and the like); a Pillow image, which is converted to RGB as Pillow does unless
            it is grey or RGBA; uint8 or uint16 pixels of shape (H, W), (H, W, C) or (C, H, W) with C 1 to 32, as an
            array or tensor; or a mapping with `bytes`, or with the `path` of a file, as Hugging Face datasets store
            images.

    Raises:
        TypeError: anything else.
        ValueError: an image of more than 16 bits, or pixels of another shape.
        OSError: the file cannot be read.
    """
    if isinstance(item, (bytes, bytearray, memoryview)):
        return _kept_bytes(item)
    if isinstance(item, Mapping) and {"bytes", "path"} & item.keys():
        return _stored(item)
    if hasattr(item, "mode") and hasattr(item, "tobytes") and hasattr(item, "convert"):
        return _of_pillow(item)
    if hasattr(item, "shape") and hasattr(item, "dtype"):
        return _of_pixels(item)
    raise TypeError(f"expected an image (bytes, a Pillow image or uint8 or uint16 pixels), got {_kind(item)}")


def holds_pixels(item: Any) -> bool:
    """True for a Pillow image, and for an array or tensor."""
    if isinstance(item, (str, bytes)):  # NumPy's texts have the methods of arrays too
        return False
    return hasattr(item, "tobytes") or hasattr(item, "detach")


def _stored(item: Mapping[str, Any]) -> np.ndarray:
    if item.get("bytes") is not None:
        return _kept_bytes(item["bytes"])
    if item.get("path") is None:
        raise ValueError("expected the bytes of an image, or its path, got neither")
    return np.frombuffer(read_file(item["path"], _MOST_BYTES), dtype=np.uint8)


def _kept_bytes(content: Any) -> np.ndarray:
    """(bytes,) uint8 that nothing changes later, as a dataset would that reads all its images into one buffer."""
    return np.frombuffer(content if isinstance(content, bytes) else memoryview(content).tobytes(), np.uint8)


def _of_pillow(image: Any) -> np.ndarray:
    if image.mode not in _KEPT:
        if image.mode not in _CONVERTED:
            raise ValueError(
                f"a Pillow image of mode {image.mode!r}, which convert('RGB') would clip; convert it to 8 bits, or to "
                "an array of uint16"
            )
        image = image.convert("RGB")
    pixels = np.asarray(image)
    return encoded_pixels(pixels[:, :, None] if pixels.ndim == 2 else pixels)


def _of_pixels(given: Any) -> np.ndarray:
    tensor = not isinstance(given, np.ndarray) and hasattr(given, "detach")
    pixels = np.asarray(given.detach().cpu() if tensor else given)
    if pixels.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise TypeError(
            f"an array or tensor of {pixels.dtype}, as transforms such as ToTensor and Normalize make it; expected "
            "uint8 or uint16: give the dataset without its transform, since the loader resizes and normalises"
        )
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise ValueError(f"pixels of shape {pixels.shape}, expected (H, W), (H, W, C) or (C, H, W)")
    return encoded_pixels(pixels[:, :, None] if pixels.ndim == 2 else _channels_last(pixels, tensor))


def _channels_last(pixels: np.ndarray, tensor: bool) -> np.ndarray:
    """(H, W, C) of three axes, of which the first or the last is the channels."""
    # (3, H, 3) could be either; tensors are (C, H, W) in torchvision, and arrays (H, W, C) in NumPy's libraries.
    for channels in _LIKELY_CHANNELS:
        for axis in (0, 2) if tensor else (2, 0):
            if pixels.shape[axis] in channels:
                return np.moveaxis(pixels, axis, 2)
    raise ValueError(f"pixels of shape {pixels.shape}, expected 1 to {MOST_CHANNELS} channels, first or last")


def _kind(item: Any) -> str:
    if isinstance(item, Mapping):
        return f"{type(item).__name__} with the keys {list(item)}"
    return f"{type(item).__name__} {item!r}" if isinstance(item, (int, float, str)) else type(item).__name__
