"""Whether a PNG file is animated, which nvImageCodec's parser does not tell (PNG 3, sections 5.3 and 11.3.6.1)."""

from __future__ import annotations

from struct import unpack_from

import numpy as np

_SIGNATURE = 8
_AROUND = 12
"""Bytes of a chunk beside its body: length, kind and checksum."""


def is_animated(encoded: bytes | np.ndarray) -> bool:
    """True if the file says so before its pixels, where alone that counts."""
    content = encoded if isinstance(encoded, bytes) else encoded.data
    place = _SIGNATURE
    while place + _AROUND <= len(content):
        length, kind = unpack_from(">I4s", content, place)
        if kind in (b"acTL", b"IDAT"):
            return bool(kind == b"acTL")
        place += _AROUND + length
    return False
