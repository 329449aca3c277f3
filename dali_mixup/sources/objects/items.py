"""Images that Python code gives: encoded, as a Pillow image, or as an array of pixels.

Pixels are handed to DALI as binary PNM (https://netpbm.sourceforge.net/doc/ppm.html): a header of one line and the
pixels as they are, so nothing is lost and nothing is compressed. Of the formats that DALI decodes exactly it is the
cheapest to make: 16 us of CPU time for 500 x 375 pixels, and 250 us to decode a window of it; BMP by Pillow took 212
and 154, PNG without compression 5100 and 1000.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dali_mixup.sources.reading import read_file

_CONVERTED = ("1", "P", "PA", "LA", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
"""Pillow's modes of 8 bits beside L and RGB."""

_MOST_BYTES = 1 << 31
"""Of a file that an item names; images are limited by `Runtime(max_pixels=...)`."""


def encoded_item(item: Any) -> np.ndarray:
    """One image as (bytes,) uint8 that DALI decodes to exactly its pixels.

    Args:
        item: an encoded image (bytes and the like); a Pillow image, which is converted to RGB as Pillow does; uint8
            pixels of shape (H, W), (H, W, C) or (C, H, W) with C 1 or 3, as an array or tensor; or a mapping with
            `bytes`, or with the `path` of a file, as Hugging Face datasets store images.

    Raises:
        TypeError: anything else.
        ValueError: an image of more than 8 bits, or pixels of another shape.
        OSError: the file cannot be read.
    """
    if isinstance(item, (bytes, bytearray, memoryview)):
        return np.frombuffer(item, dtype=np.uint8)
    if isinstance(item, Mapping) and {"bytes", "path"} & item.keys():
        return _stored(item)
    if hasattr(item, "mode") and hasattr(item, "tobytes") and hasattr(item, "convert"):
        return _of_pillow(item)
    if hasattr(item, "shape") and hasattr(item, "dtype"):
        return _of_pixels(item)
    raise TypeError(f"expected an image (bytes, a Pillow image or uint8 pixels), got {_kind(item)}")


def holds_pixels(item: Any) -> bool:
    """True for a Pillow image, and for an array or tensor."""
    return hasattr(item, "tobytes") or hasattr(item, "detach")


def _stored(item: Mapping[str, Any]) -> np.ndarray:
    if item.get("bytes") is not None:
        return np.frombuffer(item["bytes"], dtype=np.uint8)
    if item.get("path") is None:
        raise ValueError("expected the bytes of an image, or its path, got neither")
    return np.frombuffer(read_file(item["path"], _MOST_BYTES), dtype=np.uint8)


def _of_pillow(image: Any) -> np.ndarray:
    if image.mode not in ("L", "RGB"):
        if image.mode not in _CONVERTED:
            raise ValueError(
                f"a Pillow image of mode {image.mode!r}, which convert('RGB') would clip; convert it to 8 bits before"
            )
        image = image.convert("RGB")
    return _pnm(image.width, image.height, b"6" if image.mode == "RGB" else b"5", image.tobytes())


def _of_pixels(given: Any) -> np.ndarray:
    tensor = not isinstance(given, np.ndarray) and hasattr(given, "detach")
    pixels = np.asarray(given.detach().cpu() if tensor else given)
    if pixels.dtype != np.uint8:
        raise TypeError(
            f"an array or tensor of {pixels.dtype}, as transforms such as ToTensor and Normalize make it; expected "
            "uint8: give the dataset without its transform, since the loader resizes and normalises"
        )
    if pixels.ndim == 3:
        # (3, H, 3) could be either; tensors are (C, H, W) in torchvision, and arrays (H, W, C) in NumPy's libraries.
        for axis in (0, 2) if tensor else (2, 0):
            if pixels.shape[axis] in (1, 3):
                pixels = np.moveaxis(pixels, axis, 2)
                break
        else:
            raise ValueError(f"pixels of shape {pixels.shape}, expected 1 or 3 channels, first or last")
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise ValueError(f"pixels of shape {pixels.shape}, expected (H, W), (H, W, C) or (C, H, W)")
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    return _pnm(pixels.shape[1], pixels.shape[0], b"6" if colour else b"5", pixels.tobytes())


def _pnm(width: int, height: int, digit: bytes, pixels: bytes) -> np.ndarray:
    return np.frombuffer(b"P%b\n%d %d\n255\n%b" % (digit, width, height, pixels), dtype=np.uint8)


def _kind(item: Any) -> str:
    if isinstance(item, Mapping):
        return f"{type(item).__name__} with the keys {list(item)}"
    return f"{type(item).__name__} {item!r}" if isinstance(item, (int, float, str)) else type(item).__name__
