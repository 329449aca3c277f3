"""Files under an image's name that no loader can use, each of another kind, and which of them kill DALI alone."""

from __future__ import annotations

import functools
import gzip
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.odd_images import picture

GOOD_SIZE = (64, 48)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@functools.cache
def contents() -> dict[str, bytes]:
    """Of the kinds that are files, by name."""
    rgb = picture(*GOOD_SIZE)
    jpeg, png = encoded(rgb, "JPEG", quality=95), encoded(rgb, "PNG")
    grey = np.asarray(rgb.convert("L"))
    bmp = bytearray(encoded(rgb, "BMP"))
    bmp[11] = 16  # the pixels begin elsewhere, which only decoding a window minds
    return {
        "text": b"this is no image at all..",
        "web_page": b"<!DOCTYPE html><title>404 Not Found</title>" * 20,
        "empty": b"",
        "zeros": bytes(5000),
        "gzip": gzip.compress(jpeg),
        "gif": encoded(rgb.quantize(16), "GIF"),
        "avif": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf" + bytes(400),
        "jpeg_of_ten_bytes": jpeg[:10],
        "jpeg_half": jpeg[: len(jpeg) * 2 // 3],
        "jpeg_after_newline": b"\r\n" + jpeg,
        "jpeg_without_end": jpeg[:-2],
        "png_without_end": png[:-12],
        "png_header_only": png[:33],
        "png_flipped_bits": png[: len(png) // 2] + b"\x55" * 9 + png[len(png) // 2 + 9 :],
        "png_bomb": png_header(60_000, 60_000) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b""),
        "tiff_bilevel": encoded(rgb.convert("1"), "TIFF"),
        "tiff_int32": encoded(Image.fromarray(grey.astype(np.int32) * 1000), "TIFF"),
        "tiff_float": encoded(Image.fromarray(grey.astype(np.float32)), "TIFF"),
        "webp_half": encoded(rgb, "WEBP")[:300],
        "bmp_without_window": bytes(bmp),
        "jpeg2000_grey_alpha": encoded(rgb.convert("LA"), "JPEG2000"),
        "jpeg2000_damaged": jpeg2000_that_kills(),
        "pam": b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + bytes(6),
    }


NOT_FILES = ("missing", "folder", "fifo", "dangling_link")


def make(kind: str, path: Path) -> None:
    """Puts a bad file of that kind at a path that does not exist."""
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "dangling_link":
        path.symlink_to("nowhere.jpg")
    elif kind != "missing":
        path.write_bytes(contents()[kind])


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG of 8-bit RGB."""
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def jpeg2000_that_kills() -> bytes:
    """An image that parses, and kills the process that decodes it beside others."""
    content = bytearray(encoded(picture(48, 40), "JPEG2000"))
    start = content.index(b"\xff\x4f\xff\x51")  # the code stream
    after = content.index(b"\xff\x52", start)
    content[after : after + 2] = b"\x8c\xa4"  # a marker that is none
    return bytes(content)
