"""How a TIFF file stores its channels, which nvImageCodec's parser does not tell (TIFF 6.0, sections 2 and 8)."""

from __future__ import annotations

from struct import unpack_from

import numpy as np

_PLANAR_CONFIGURATION, _SEPARATE = 284, 2
_BIG = 43
"""The version of files with 64-bit offsets; that of others is 42."""


def has_planes(encoded: bytes | np.ndarray) -> bool:
    """True if the channels of the first picture are stored one after the other.

    Raises:
        struct.error: the directory is cut off.
    """
    content = encoded if isinstance(encoded, bytes) else encoded.data
    order = "<" if unpack_from("2s", content)[0] == b"II" else ">"
    big = unpack_from(f"{order}H", content, 2)[0] == _BIG
    (directory,) = unpack_from(f"{order}Q", content, 8) if big else unpack_from(f"{order}I", content, 4)
    (entries,) = unpack_from(f"{order}Q" if big else f"{order}H", content, directory)
    first, length, value = (directory + 8, 20, 12) if big else (directory + 2, 12, 8)
    for entry in range(first, first + entries * length, length):
        (tag,) = unpack_from(f"{order}H", content, entry)
        if tag == _PLANAR_CONFIGURATION:
            return bool(unpack_from(f"{order}H", content, entry + value)[0] == _SEPARATE)
        if tag > _PLANAR_CONFIGURATION:  # they are in ascending order
            return False
    return False
