"""About a hundred kinds of image file, made here and now: what Pillow writes, and what it does not, by hand."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

from tests.bad_images import encoded, png_chunk
from tests.odd_images import picture
from tests.raw_images import HEIGHT, WIDTH, raw_bmp, raw_png, raw_tiff

DIFFERENT = frozenset(
    {
        "jpeg_cmyk_unmarked",
        "png_animated_beside",
        "tiff_turned_3",
        "tiff_turned_6",
        "tiff_turned_8",
        "tiff_lab",
        "pgm_to_15",
        "pgm_to_1000",
        "ppm_to_100",
        "jpeg2000_ycc",
    }
)
"""DALI decodes them to other pixels than Pillow."""

REFUSED = frozenset(
    {
        "jpeg_12",
        "bmp_16",
        "tiff_bilevel",
        "tiff_lzma",
        "tiff_int8",
        "tiff_int16",
        "tiff_int32",
        "tiff_uint32",
        "tiff_float32",
        "tiff_float64",
        "tiff_rgb_float32",
        "tiff_5_channels",
        "tiff_grey_alpha",
        "tiff_planar_16",
        "pam",
        "pfm",
        "jpeg2000_grey_alpha",
        "webp_exif_odd",
        "gif",
        "ico",
        "tga",
        "pcx",
        "sgi",
        "dds",
        "qoi",
        "dib",
    }
)
"""DALI does not decode them or makes wrong colours of them, or nobody knows the scale of their samples."""

SCALED = frozenset({"png_grey_16", "tiff_grey_16", "pgm_16", "jpeg2000_16"})
"""Grey of 16 bits, which DALI scales to 8 bits where Pillow clips it at 255."""


@functools.cache
def kinds() -> dict[str, bytes]:
    """Encoded images by the name of their kind."""
    return dict([*_jpeg(), *_png(), *_webp(), *_bmp(), *_tiff(), *_pnm(), *_jpeg2000(), *_others()])


def _rgb() -> Image.Image:
    return picture(WIDTH, HEIGHT)


def _pixels() -> np.ndarray:
    return np.asarray(_rgb())


def _grey() -> np.ndarray:
    return np.asarray(_rgb().convert("L"))


def _grey_16() -> Image.Image:
    return Image.fromarray(_grey().astype(np.uint16) * 257)


def _with_alpha(mode: str) -> Image.Image:
    alpha = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    return Image.merge(mode, (*_rgb().convert(mode.removesuffix("A")).split(), Image.fromarray(alpha)))


def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _turned(format: str) -> Iterator[tuple[str, bytes]]:
    for orientation in (1, 3, 6, 8):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"{format.lower()}_turned_{orientation}", encoded(_rgb(), format, exif=exif)


def _jpeg() -> Iterator[tuple[str, bytes]]:
    rgb, cmyk = _rgb(), encoded(_rgb().convert("CMYK"), "JPEG")
    plain = encoded(rgb, "JPEG", quality=95)
    for quality in (1, 50, 95, 100):
        yield f"jpeg_quality_{quality}", encoded(rgb, "JPEG", quality=quality)
    for sampling in ("4:4:4", "4:2:2", "4:2:0"):
        yield f"jpeg_{sampling}", encoded(rgb, "JPEG", subsampling=sampling)
    yield "jpeg_progressive", encoded(rgb, "JPEG", progressive=True)
    yield "jpeg_grey", encoded(rgb.convert("L"), "JPEG")
    yield "jpeg_grey_progressive", encoded(rgb.convert("L"), "JPEG", progressive=True)
    yield "jpeg_restarts", encoded(rgb, "JPEG", restart_marker_blocks=2)
    yield "jpeg_as_rgb", encoded(rgb, "JPEG", keep_rgb=True)
    yield "jpeg_profile", encoded(rgb, "JPEG", icc_profile=_srgb())
    yield "jpeg_comment", encoded(rgb, "JPEG", comment=b"x" * 60_000)
    yield "jpeg_two_pictures", encoded(rgb, "MPO", save_all=True, append_images=[picture(WIDTH, HEIGHT, 1)])
    yield "jpeg_trailing_bytes", plain + bytes(999)
    yield "jpeg_fill_bytes", plain[:2] + b"\xff" * 7 + plain[2:]
    yield "jpeg_17x13", encoded(picture(17, 13), "JPEG")
    yield "jpeg_1x1", encoded(picture(1, 1), "JPEG")
    yield "jpeg_without_jfif", plain[:2] + plain[4 + struct.unpack(">H", plain[4:6])[0] :]
    yield "jpeg_cmyk", cmyk
    yield "jpeg_cmyk_progressive", encoded(rgb.convert("CMYK"), "JPEG", progressive=True)
    frame = plain.index(b"\xff\xc0")
    yield (
        "jpeg_12",
        plain[: frame + 1] + b"\xc1" + plain[frame + 2 : frame + 4] + b"\x0c" + plain[frame + 5 :],
    )
    marker = cmyk.index(b"\xff\xee\0\x0eAdobe")
    yield "jpeg_cmyk_unmarked", cmyk[:marker] + cmyk[marker + 16 :]
    for transform in (0, 1, 2):
        adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])
        yield f"jpeg_cmyk_adobe_{transform}", cmyk[:marker] + adobe + cmyk[marker + 16 :]
        yield f"jpeg_rgb_adobe_{transform}", plain[:2] + adobe + plain[2:]
    yield from _turned("JPEG")


def _png() -> Iterator[tuple[str, bytes]]:
    rgb, pixels, grey = _rgb(), _pixels(), _grey()
    for mode in ("RGB", "L", "1"):
        yield f"png_{mode}", encoded(rgb.convert(mode), "PNG")
    for mode in ("RGBA", "LA"):
        yield f"png_{mode}", encoded(_with_alpha(mode), "PNG")
    for bits in (1, 2, 4, 8):
        yield f"png_palette_{bits}", encoded(rgb.quantize(2**bits), "PNG", bits=bits)
    yield "png_palette_transparent", encoded(rgb.quantize(32), "PNG", transparency=3)
    yield "png_profile", encoded(rgb, "PNG", icc_profile=_srgb())
    yield "png_trailing_bytes", encoded(rgb, "PNG") + bytes(99)
    yield "png_animated", encoded(rgb, "PNG", save_all=True, append_images=[picture(WIDTH, HEIGHT, 1)])
    others = [picture(WIDTH, HEIGHT, seed) for seed in (1, 2)]
    yield (
        "png_animated_beside",
        encoded(rgb, "PNG", save_all=True, append_images=others, default_image=True),
    )
    yield "png_grey_16", encoded(_grey_16(), "PNG")
    yield "png_rgb_16", raw_png(pixels.astype(">u2") * 257, WIDTH, 16, 2)
    yield "png_rgba_16", raw_png(np.asarray(_with_alpha("RGBA")).astype(">u2") * 257, WIDTH, 16, 6)
    yield "png_grey_alpha_16", raw_png(np.asarray(_with_alpha("LA")).astype(">u2") * 257, WIDTH, 16, 4)
    planes = np.unpackbits(grey[:, :, None], axis=2)
    for bits in (2, 4):
        packed = np.packbits(planes[:, :, :bits].reshape(HEIGHT, -1), axis=1)
        yield f"png_grey_{bits}", raw_png(packed, WIDTH, bits, 0)
    yield "png_gamma", raw_png(pixels, WIDTH, 8, 2, png_chunk(b"gAMA", struct.pack(">I", 100_000)))
    colour = struct.pack(">HHH", *pixels[0, 0].tolist())
    yield "png_rgb_transparent", raw_png(pixels, WIDTH, 8, 2, png_chunk(b"tRNS", colour))
    yield "png_grey_transparent", raw_png(grey, WIDTH, 8, 0, png_chunk(b"tRNS", colour[:2]))
    yield from _turned("PNG")


def _webp() -> Iterator[tuple[str, bytes]]:
    rgb, rgba = _rgb(), _with_alpha("RGBA")
    for lossless in (False, True):
        name = "lossless" if lossless else "lossy"
        yield f"webp_{name}", encoded(rgb, "WEBP", lossless=lossless)
        yield f"webp_alpha_{name}", encoded(rgba, "WEBP", lossless=lossless)
    yield "webp_animated", encoded(rgb, "WEBP", save_all=True, append_images=[picture(WIDTH, HEIGHT, 1)])
    yield "webp_profile", encoded(rgb, "WEBP", icc_profile=_srgb())
    exif = Image.Exif()
    exif[0x010F] = "a maker of cameras"
    files = [encoded(picture(WIDTH, HEIGHT, i), "WEBP", lossless=True, exif=exif) for i in range(16)]
    for odd, name in enumerate(("even", "odd")):  # the number of bytes of the image alone
        yield f"webp_exif_{name}", next(file for file in files if file[34] % 2 == odd)
    yield from _turned("WEBP")


def _bmp() -> Iterator[tuple[str, bytes]]:
    rgb, pixels = _rgb(), _pixels()
    for name, image in (("rgb", rgb), ("grey", rgb.convert("L")), ("palette", rgb.quantize(32))):
        yield f"bmp_{name}", encoded(image, "BMP")
    yield "bmp_bilevel", encoded(rgb.convert("1"), "BMP")
    yield "bmp_rgba", encoded(_with_alpha("RGBA"), "BMP")
    bgr = pixels[:, :, ::-1]
    yield "bmp_top_down", raw_bmp(bgr.tobytes(), 24, -HEIGHT)
    yield "bmp_32", raw_bmp(np.dstack([bgr, np.zeros_like(_grey())])[::-1].tobytes(), 32)
    r, g, b = (pixels[::-1, :, c].astype("<u2") >> 3 for c in range(3))
    yield "bmp_16", raw_bmp((r << 10 | g << 5 | b).tobytes(), 16)
    core = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
    yield "bmp_os2", struct.pack("<2sIHHI", b"BM", 26 + pixels.size, 0, 0, 26) + core + bgr[::-1].tobytes()


def _tiff() -> Iterator[tuple[str, bytes]]:
    rgb, pixels, grey = _rgb(), _pixels(), _grey()
    for method in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "lzma"):
        yield f"tiff_{method.removeprefix('tiff_')}", encoded(rgb, "TIFF", compression=method)
    yield "tiff_grey", encoded(rgb.convert("L"), "TIFF")
    yield "tiff_palette", encoded(rgb.quantize(32), "TIFF")
    yield "tiff_bilevel", encoded(rgb.convert("1"), "TIFF")
    yield "tiff_fax", encoded(rgb.convert("1"), "TIFF", compression="group4")
    yield "tiff_cmyk", encoded(rgb.convert("CMYK"), "TIFF")
    yield "tiff_rgba", encoded(_with_alpha("RGBA"), "TIFF")
    yield "tiff_grey_alpha", encoded(_with_alpha("LA"), "TIFF")
    lab = ImageCms.createProfile("LAB")
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
    yield "tiff_lab", encoded(ImageCms.applyTransform(rgb, to_lab), "TIFF")
    yield "tiff_ycc", encoded(rgb.convert("YCbCr"), "TIFF", compression="jpeg")
    inverted = TiffImagePlugin.ImageFileDirectory_v2()
    inverted[262] = 0
    yield "tiff_white_is_zero", encoded(rgb.convert("L"), "TIFF", tiffinfo=inverted)
    yield "tiff_two_pictures", encoded(rgb, "TIFF", save_all=True, append_images=[picture(9, 9, 1)])
    yield "tiff_big", encoded(rgb, "TIFF", big_tiff=True)
    yield "tiff_grey_16", encoded(_grey_16(), "TIFF")
    yield "tiff_rgb_16", raw_tiff(pixels.astype("<u2") * 257, 2)
    yield "tiff_rgb_16_big_endian", raw_tiff(pixels.astype(">u2") * np.array(257, ">u2"), 2)
    yield "tiff_planar", raw_tiff(pixels, 2, planar=True)
    yield "tiff_planar_16", raw_tiff(pixels.astype("<u2") * 257, 2, planar=True)
    yield "tiff_5_channels", raw_tiff(np.dstack([pixels, pixels[..., :2]]), 2)
    yield "tiff_int8", raw_tiff(grey.view(np.int8), 1, 2)
    yield "tiff_int16", raw_tiff(grey.astype("<i2") * 100, 1, 2)
    yield "tiff_int32", raw_tiff(grey.astype("<i4") * 1000, 1, 2)
    yield "tiff_uint32", raw_tiff(grey.astype("<u4") << 24, 1)
    yield "tiff_float32", raw_tiff(grey.astype("<f4"), 1, 3)
    yield "tiff_float64", raw_tiff(grey.astype("<f8"), 1, 3)
    yield "tiff_rgb_float32", raw_tiff((pixels / 255).astype("<f4"), 2, 3)
    yield from _turned("TIFF")


def _pnm() -> Iterator[tuple[str, bytes]]:
    rgb, pixels, grey = _rgb(), _pixels(), _grey()
    for name, mode in (("ppm", "RGB"), ("pgm", "L"), ("pbm", "1")):
        yield name, encoded(rgb.convert(mode), "PPM")
    size = f"{WIDTH} {HEIGHT}".encode()
    yield "pgm_to_15", b"P5 %b 15\n" % size + (grey >> 4).tobytes()
    yield "ppm_to_100", b"P6 %b 100\n" % size + (pixels.astype(int) * 100 // 255).astype(np.uint8).tobytes()
    yield "pgm_to_1000", b"P5 %b 1000\n" % size + (grey.astype(">u2") * 3).tobytes()
    yield "pgm_16", b"P5 %b 65535\n" % size + (grey.astype(">u2") * 257).tobytes()
    yield "ppm_16", b"P6 %b 65535\n" % size + (pixels.astype(">u2") * 257).tobytes()
    yield "ppm_comment", b"P6\n# hello\n%b\n255\n" % size + pixels.tobytes()
    for name, magic, values, top in (
        ("pgm", b"P2", grey, b" 255"),
        ("ppm", b"P3", pixels, b" 255"),
        ("pbm", b"P1", (grey > 127).astype(int), b""),
    ):
        numbers = " ".join(map(str, values.ravel().tolist())).encode()
        yield f"{name}_in_text", b"%b %b%b\n%b\n" % (magic, size, top, numbers)
    head = f"P7\nWIDTH {WIDTH}\nHEIGHT {HEIGHT}\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"
    yield "pam", head.encode() + pixels.tobytes()
    yield "pfm", encoded(Image.fromarray(grey.astype(np.float32)), "PPM")


def _jpeg2000() -> Iterator[tuple[str, bytes]]:
    rgb = _rgb()
    yield "jpeg2000", encoded(rgb, "JPEG2000")
    yield "jpeg2000_bare", encoded(rgb, "JPEG2000", no_jp2=True)
    yield "jpeg2000_grey", encoded(rgb.convert("L"), "JPEG2000")
    yield "jpeg2000_rgba", encoded(_with_alpha("RGBA"), "JPEG2000")
    yield "jpeg2000_grey_alpha", encoded(_with_alpha("LA"), "JPEG2000")
    yield "jpeg2000_16", encoded(_grey_16(), "JPEG2000")
    yield "jpeg2000_lossy", encoded(rgb, "JPEG2000", irreversible=True, quality_layers=[20])
    yield "jpeg2000_tiles", encoded(rgb, "JPEG2000", tile_size=(16, 16))
    yield "jpeg2000_ycc", encoded(rgb.convert("YCbCr"), "JPEG2000")


def _others() -> Iterator[tuple[str, bytes]]:
    rgb = _rgb()
    yield "gif", encoded(rgb.quantize(32), "GIF")
    for format in ("ICO", "TGA", "PCX", "SGI", "DDS", "QOI", "DIB"):
        yield format.lower(), encoded(rgb, format)
