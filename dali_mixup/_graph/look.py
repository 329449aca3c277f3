"""The check of every encoded image before the decoder: its header, or the reason why it is unfit.

DALI parses the headers of a batch of 32 or more in blocks on its thread pool, and a header that does not parse kills
the process (docs/upstream/bad-file-crash.md). The same parser is available in Python, in a library that DALI needs
anyway, for a few microseconds of CPU time per image.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from enum import Enum
from functools import cache

import numpy as np
from nvidia import nvimgcodec
from PIL import Image, UnidentifiedImageError

from dali_mixup._graph.pillow_pixels import message
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup._graph.png_frames import is_animated
from dali_mixup._graph.tiff_planes import has_planes
from dali_mixup.sources.base import Source
from dali_mixup.sources.feeding import fed
from dali_mixup.sources.objects.pixels import encoded_pixels
from dali_mixup.sources.reading import StorageError, TooLongError, patiently, read_file

FORMATS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "bmp": "BMP",
    "tiff": "TIFF",
    "pnm": "PPM",
    "jpeg2k": "JPEG2000",
}
"""nvImageCodec's names of the formats that DALI decodes, and Pillow's."""

_MOST_CONVERTED = 4
"""Channels of an image that is converted to grey or RGB."""

_JPEG_BITS = 8
"""Of a sample in the JPEGs that DALI and Pillow decode. The parser takes those of 12 bits as well."""

_SAMPLES = (np.dtype(np.uint8), np.dtype(np.uint16))


class Problem(Enum):
    """The reason why a file is unfit for training. The value is the text in exclude lists."""

    MISSING = "missing"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    NOT_AN_IMAGE = "not an image"
    UNSUPPORTED = "unsupported format"
    TOO_LARGE = "too large"
    TRUNCATED = "truncated"
    UNDECODABLE = "undecodable"
    OTHER_PIXEL_KIND = "not of the channels and bits asked for"
    OTHER_SIZE = "of another size than its image"
    NO_MASK = "not a mask of the classes"
    OTHER_PIXELS = "decodes to other pixels than in Pillow"


@dataclass(frozen=True)
class Look:
    """The header of an image that DALI can decode.

    Attributes:
        format: Pillow's name of the format, one of the values of `FORMATS`.
        width, height: as stored, in pixels; not rotated by EXIF.
        channels: as stored.
        bytes: size of the encoded image.
        bits: of a stored sample.
        colours: nvImageCodec's name of their meaning, such as "SRGB" or "PALETTE".
        planes: whether the channels are stored one after the other.
        animated: whether it is a PNG of several frames, the first of which need not be the image itself.
    """

    format: str
    width: int
    height: int
    channels: int
    bytes: int
    bits: int = 8
    colours: str = "SRGB"
    planes: bool = False
    animated: bool = False


class UnfitError(ValueError):
    """An image that must not reach the decoder.

    Attributes:
        problem: the kind of problem.
        detail: the details.
    """

    def __init__(self, problem: Problem, detail: str):
        super().__init__(f"{problem.value} ({detail})")
        self.problem, self.detail = problem, detail


def look(encoded: bytes | np.ndarray, max_pixels: int, kind: PixelKind = USUAL) -> Look:
    """Parse the header. Raises UnfitError for an image that must not reach the decoder of pixels of that kind."""
    if not len(encoded):
        raise UnfitError(Problem.EMPTY, "0 bytes")
    try:
        found, samples = parsed(encoded)
    except MemoryError:
        raise
    except Exception as error:  # a parser may raise anything for arbitrary bytes
        raise explained(encoded, max_pixels, f"DALI's parser: {_first_line(error)}") from None
    return checked(found, samples, max_pixels, kind)


def parsed(encoded: bytes | np.ndarray, size: int | None = None) -> tuple[Look, np.dtype]:
    """The header and the type of the samples.

    Args:
        encoded: the image, or its beginning.
        size: bytes of the image; None: it is whole.

    Raises:
        Exception: whatever the parser raises, which also prints it to stderr.
    """
    stream = nvimgcodec.CodeStream(encoded)
    samples = np.dtype(stream.dtype)
    found = Look(
        FORMATS[stream.codec_name],
        stream.width,
        stream.height,
        stream.num_channels,
        size or len(encoded),
        bits=stream.precision or 8 * samples.itemsize,
        colours=_name_of(stream.color_spec),
        planes=stream.codec_name == "tiff" and has_planes(encoded),
        animated=stream.codec_name == "png" and is_animated(encoded),
    )
    return found, samples


@cache
def _name_of(colours: nvimgcodec.ColorSpec) -> str:
    """Asked for its name, such a value looks through all of its kind: a tenth of the time of a check."""
    return str(colours.name)


def checked(found: Look, samples: np.dtype, max_pixels: int, kind: PixelKind = USUAL) -> Look:
    """The header, if the decoder can be trusted with the image, to pixels of that kind. UnfitError if not."""
    if found.width * found.height > max_pixels:
        raise UnfitError(
            Problem.TOO_LARGE,
            f"{found.width} x {found.height} pixels, expected at most max_pixels={max_pixels}",
        )
    if not found.width or not found.height:
        raise UnfitError(Problem.UNDECODABLE, f"{found.width} x {found.height} pixels")
    if found.format == "JPEG" and found.bits != _JPEG_BITS:
        raise UnfitError(Problem.UNSUPPORTED, f"JPEG of {found.bits} bits; expected {_JPEG_BITS}")
    # Integers of 32 bits crash the decoder, and the scale of floating-point samples is unknown.
    if samples not in _SAMPLES or (kind.converted and not 1 <= found.channels <= _MOST_CONVERTED):
        raise UnfitError(
            Problem.UNSUPPORTED,
            f"{found.format} with {found.channels} channels of {samples}; expected 1 to {_MOST_CONVERTED} channels of "
            "8 or 16 bits",
        )
    if reason := kind.lacks(found):
        raise UnfitError(
            Problem.OTHER_PIXEL_KIND,
            f"{found.format} with {found.channels} channels of {found.bits} bits; expected {kind}: {reason}",
        )
    return found


def encoded_sample(
    source: Source, index: int, max_pixels: int, kind: PixelKind = USUAL
) -> bytes | np.ndarray:
    """Read the encoded image of a sample, of which pixels of that kind are wanted.

    Raises:
        UnfitError: the sample cannot be read.
        StorageError: it cannot be read at present, and it is not to blame.
    """
    try:
        if source.read_in_dali:
            return read_file(source.name(index), longest_file(max_pixels, kind))
        return patiently(lambda: fed(source, np.array([index]))[0], source.name(index))
    except (OSError, ValueError) as error:
        raise unreadable(error) from None


def longest_file(max_pixels: int, kind: PixelKind = USUAL) -> int:
    """Bytes of the longest file that may hold an image of so many pixels."""
    # 16-bit RGBA without compression, or more channels, and other contents of a file
    return max(8, kind.bytes) * max_pixels + 2**26


def unreadable(error: OSError | ValueError) -> Exception:
    """The error to raise for one that was raised in reading a sample: UnfitError, or the StorageError that it is."""
    if isinstance(error, (StorageError, UnfitError)):
        return error
    text = getattr(error, "strerror", None) or str(error)
    if isinstance(error, FileNotFoundError):
        return UnfitError(Problem.MISSING, text or "no such file")
    return UnfitError(Problem.TOO_LARGE if isinstance(error, TooLongError) else Problem.UNREADABLE, text)


def explained(encoded: bytes | np.ndarray, max_pixels: int, reason: str) -> UnfitError:
    """The reason why DALI, with its message `reason`, cannot decode an image; Pillow helps, since it knows more
    formats."""
    content = bytes(encoded)
    try:
        image = _opened(content)
    except UnidentifiedImageError:
        return UnfitError(Problem.NOT_AN_IMAGE, f"begins with {content[:16]!r}; {reason}")
    except Exception as error:  # Pillow's parsers raise all kinds of errors on damaged headers
        return UnfitError(decoding_problem(error), f"{type(error).__name__}: {message(error)}; {reason}")
    with image:
        if image.format not in (*FORMATS.values(), "MPO"):
            return UnfitError(Problem.UNSUPPORTED, f"DALI does not decode {image.format}")
        if image.width * image.height > max_pixels:
            return UnfitError(Problem.UNDECODABLE, reason)
        try:
            image.load()
        except Exception as error:  # as above
            return UnfitError(decoding_problem(error), f"{message(error)}; {reason}")
        return UnfitError(Problem.UNDECODABLE, f"{image.format} of mode {image.mode}; {reason}")


def decoding_problem(error: Exception) -> Problem:
    """The problem of an image that Pillow cannot read. It says `truncated`, and `Truncated File Read` of a header."""
    return Problem.TRUNCATED if "truncated" in str(error).lower() else Problem.UNDECODABLE


def good_image(height: int = 64, width: int = 64, kind: PixelKind = USUAL) -> np.ndarray:
    """(bytes,) uint8 of an encoded image that any decoder accepts, of that kind of pixels."""
    if not kind.usual:
        return encoded_pixels(np.full((height, width, kind.channels), 120, f"uint{kind.bits}"))
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (120, 120, 120)).save(buffer, "JPEG")
    return np.frombuffer(buffer.getvalue(), np.uint8)


def _opened(content: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on large images and odd EXIF
        return Image.open(io.BytesIO(content))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
