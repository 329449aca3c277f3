"""A folder with every oddity that image folders have been seen to hold, made here and now."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

SOUND = (
    "plain.jpg",
    "progressive.jpg",
    "cmyk.jpg",
    "grey.jpg",
    "grey.png",
    "grey16.png",
    "rgb16.png",
    "palette.png",
    "palette_transparent.png",
    "rgba.png",
    "grey_alpha.png",
    "one_bit.png",
    "webp.webp",
    "webp_lossless.webp",
    "bmp.bmp",
    "tiff.tif",
    "ppm.ppm",
    "jpeg2000.jp2",
    "png_named.JPEG",
    "1x1.jpg",
    "20000x1.jpg",
    "1x20000.png",
    "two  blanks in name.jpg",
    "ünïcødé 日本語 🙂.jpg",
    "n" * 196 + ".jpg",
)
"""Unusual, and fit for training: DALI decodes them as Pillow does."""

ROTATED = "exif_rotated.jpg"
"""Stored 48 wide and 32 high with an EXIF tag that says to turn it: programs that heed EXIF show it 32 wide."""

DAMAGED = (
    "truncated.jpg",
    "truncated.png",
    "bit_flipped.png",
    "bit_flipped_header.jpg",
    "zero_bytes.jpg",
    "text.jpg",
    "html.png",
    "gif.gif",
    "gif_named.jpg",
    "dangling.jpg",
    "folder.jpg",
)
"""Cannot be trained on."""

SILENT = "bit_flipped.jpg"
"""A JPEG with changed bits, which decodes without a word to a slightly wrong picture: nobody can find it."""

COMPLAINED = "bit_flipped_noticed.jpg"
"""Another with surplus data, on which the JPEG library remarks while it decodes it."""


def picture(width: int = 48, height: int = 32, seed: int = 0) -> Image.Image:
    """A soft RGB pattern, so that lossy formats keep it."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width] / 12.0
    waves = [np.sin(x * rng.uniform(0.5, 2) + y * rng.uniform(0.5, 2) + rng.uniform(0, 6)) for _ in range(3)]
    return Image.fromarray((127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8))


def make_odd_images(folder: Path) -> None:
    """Writes every file named above into `folder` (made if it is not there)."""
    folder.mkdir(parents=True, exist_ok=True)
    _make_sound(folder)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn 90 degrees clockwise to view
    picture().save(folder / ROTATED, exif=exif)
    _make_damaged(folder)


def _make_sound(folder: Path) -> None:
    rgb = picture()
    rgb.save(folder / "plain.jpg")
    rgb.save(folder / "progressive.jpg", progressive=True)
    rgb.convert("CMYK").save(folder / "cmyk.jpg")
    rgb.convert("L").save(folder / "grey.jpg")
    rgb.convert("L").save(folder / "grey.png")
    Image.fromarray(np.linspace(0, 65535, 32 * 48).reshape(32, 48).astype(np.uint16)).save(
        folder / "grey16.png"
    )
    _save_rgb16(folder / "rgb16.png")
    rgb.quantize(16).save(folder / "palette.png")
    rgb.quantize(16).save(folder / "palette_transparent.png", transparency=3)
    rgb.convert("RGBA").save(folder / "rgba.png")
    rgb.convert("LA").save(folder / "grey_alpha.png")
    rgb.convert("1").save(folder / "one_bit.png")
    rgb.save(folder / "webp.webp")
    rgb.save(folder / "webp_lossless.webp", lossless=True)
    rgb.save(folder / "bmp.bmp")
    rgb.save(folder / "tiff.tif")
    rgb.save(folder / "ppm.ppm")
    rgb.save(folder / "jpeg2000.jp2")
    rgb.save(folder / "png_named.JPEG", format="PNG")
    picture(1, 1).save(folder / "1x1.jpg")
    picture(20000, 1).save(folder / "20000x1.jpg")
    picture(1, 20000).save(folder / "1x20000.png")
    for name in SOUND[-3:]:
        rgb.save(folder / name)


def _save_rgb16(path: Path) -> None:
    """Pillow writes no 16-bit RGB; PNG is simple enough to write by hand."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixels = np.asarray(picture()).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", 48, 32, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _make_damaged(folder: Path) -> None:
    jpeg, png = (folder / "plain.jpg").read_bytes(), (folder / "grey.png").read_bytes()
    (folder / "truncated.jpg").write_bytes(jpeg[: len(jpeg) * 3 // 4])
    (folder / "truncated.png").write_bytes(png[: len(png) // 2])
    (folder / "bit_flipped.png").write_bytes(_flip(png, len(png) // 2))
    (folder / SILENT).write_bytes(_flip(jpeg, len(jpeg) * 3 // 4))
    (folder / COMPLAINED).write_bytes(jpeg[:-2] + bytes(40) + jpeg[-2:])  # surplus data before the end marker
    (folder / "bit_flipped_header.jpg").write_bytes(_flip(jpeg, 1))  # the second byte of the JPEG signature
    (folder / "zero_bytes.jpg").touch()
    (folder / "text.jpg").write_text("Dear user, this is not an image.\n" * 20)
    (folder / "html.png").write_text("<!DOCTYPE html><title>404 Not Found</title>")
    picture().save(folder / "gif.gif")
    picture().save(folder / "gif_named.jpg", format="GIF")
    (folder / "dangling.jpg").symlink_to("nowhere.jpg")
    (folder / "folder.jpg").mkdir(exist_ok=True)


def _flip(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0b0101_0101]) + content[position + 1 :]


def make_unreadable(path: Path) -> bool:
    """Takes away the right to read `path`; False where that has no effect (as for root)."""
    path.chmod(0)
    return not os.access(path, os.R_OK)
