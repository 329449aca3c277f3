"""PNG, BMP and TIFF images from their parts, for what Pillow does not write."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from tests.bad_images import png_chunk

WIDTH, HEIGHT = 48, 40


def raw_png(rows: np.ndarray, width: int, bits: int, colour: int, *extra: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = (png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", data), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def raw_bmp(data: bytes, bits: int, height: int = HEIGHT) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, 0, len(data), 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(data), 0, 0, 54) + header + data


def raw_tiff(samples: np.ndarray, photometric: int, kind: int = 1, planar: bool = False) -> bytes:
    """Without compression. kind: 1 unsigned, 2 signed, 3 floating point."""
    order = ">" if samples.dtype.byteorder == ">" else "<"
    cube = samples.reshape(*samples.shape[:2], -1)
    channels = cube.shape[2]
    planes = [cube[..., c].tobytes() for c in range(channels)] if planar else [samples.tobytes()]
    data = b"".join(planes)
    starts = [8 + sum(map(len, planes[:i])) for i in range(len(planes))]
    at = 8 + len(data)
    tables = {258: ("H", [8 * samples.itemsize] * channels)}
    tables |= {273: ("I", starts), 279: ("I", [len(plane) for plane in planes])}
    tables |= {256: ("I", [WIDTH]), 257: ("I", [HEIGHT]), 278: ("I", [HEIGHT]), 259: ("H", [1])}
    tables |= {262: ("H", [photometric]), 277: ("H", [channels]), 284: ("H", [1 + planar])}
    tables |= {339: ("H", [kind] * channels)}
    entries, long_values = b"", b""
    for tag, (code, values) in sorted(tables.items()):
        packed = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(packed) > 4:
            place = struct.pack(f"{order}I", at + len(long_values))
            long_values += packed + bytes(len(packed) % 2)
        else:
            place = packed.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", tag, 3 if code == "H" else 4, len(values)) + place
    directory = struct.pack(f"{order}H", len(tables)) + entries + bytes(4)
    start = struct.pack(f"{order}I", at + len(long_values))
    return (b"MM\0*" if order == ">" else b"II*\0") + start + data + long_values + directory
