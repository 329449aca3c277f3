"""One image as it is packed: its own bytes, or resized and encoded again."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dali_mixup._graph.alike import alike
from dali_mixup._graph.look import Look, Problem, UnfitError, decoding_problem, explained, look
from dali_mixup._graph.pillow_pixels import eight_bits, message
from dali_mixup._graph.pixel_kind import USUAL
from dali_mixup._graph.trial import Trial
from dali_mixup.check.trials import care_for
from dali_mixup.pack.options import Options

ENDINGS = {
    "JPEG": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "BMP": "bmp",
    "TIFF": "tif",
    "PPM": "ppm",
    "JPEG2000": "jp2",
}
"""Extensions by Pillow's names of the formats, which need not be those of the original files."""

_GREY = ("1", "L", "LA")
_IN_SHORT = "out of memory"
"""In Pillow's message for a decoder that got no memory, which is no MemoryError."""

_MOST_SIDE = 65_500
"""Pixels of a JPEG's side in libjpeg."""


@dataclass(frozen=True)
class PackedImage:
    """An encoded image.

    Attributes:
        content: the encoded image.
        ending: extension of its format, such as "jpg".
        width, height: as stored, in pixels.
        kept: whether the bytes are those of the original.
    """

    content: bytes
    ending: str
    width: int
    height: int
    kept: bool


def packed_image(encoded: bytes, options: Options, trial: Trial) -> PackedImage:
    """The image to pack for an original; every original is decoded whole, to be sure that it can be.

    The pixels are those that the loaders see: not turned by EXIF, without alpha, CMYK as RGB, 16 bits as 8, colour
    profiles not applied. They are resized with Pillow's LANCZOS from the full resolution: libjpeg's reduced decoding
    would be faster, but differed by 26 to 57 dB PSNR on ten photographs.

    Args:
        trial: decodes the originals that are kept as the loaders do, except the JPEGs that Pillow decodes.

    Raises:
        UnfitError: it is kept, and DALI does not decode it or decodes it to other pixels than Pillow; or it is resized,
            and Pillow does not decode it.
        ChildError: the trial fails, whatever the image.
        MemoryError, OSError: the memory, or the like, is too short for the image.
    """
    found = look(encoded, options.max_pixels)
    if options.shorter_side is None or min(found.width, found.height) <= options.shorter_side:
        _check_kept(encoded, found, options.max_pixels, trial)
        return PackedImage(encoded, ENDINGS[found.format], found.width, found.height, kept=True)
    image = _to_resize(encoded)
    size = target_size(image.width, image.height, options.shorter_side)
    resized = image.resize(size, Image.Resampling.LANCZOS)
    memory = io.BytesIO()
    resized.save(memory, "JPEG", quality=options.quality, subsampling=options.subsampling)
    return PackedImage(memory.getvalue(), "jpg", *size, kept=False)


def _check_kept(encoded: bytes, found: Look, max_pixels: int, trial: Trial) -> None:
    care = care_for(found)
    if found.format == "JPEG" and care == "whole" and _pillow_decodes(encoded):
        return
    (outcome,) = trial.decode([np.frombuffer(encoded, np.uint8)], False, care)
    if outcome.error is not None:
        raise explained(encoded, max_pixels, outcome.error)
    if outcome.difference is not None:
        raise UnfitError(Problem.OTHER_PIXELS, outcome.difference)


def _pillow_decodes(encoded: bytes) -> bool:
    """Whether Pillow decodes an image. It decodes a JPEG in this process with the library that DALI uses, and refuses
    some damage on which DALI only remarks. Of PNGs it takes some that DALI does not, such as those without their
    end."""
    try:
        _decoded(encoded)
    except UnfitError:
        return False
    return True


def _to_resize(encoded: bytes) -> Image.Image:
    try:
        return _decoded(encoded)
    except UnfitError:
        # Some decoders have no other word for a lack of memory.
        if not _pillow_decodes(alike(np.frombuffer(encoded, np.uint8), False, USUAL).tobytes()):
            raise MemoryError("not even a good image of this size can be decoded") from None
        raise


def _decoded(encoded: bytes) -> Image.Image:
    """Pillow's 8-bit RGB or grey pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on large images and odd EXIF
        try:
            with Image.open(io.BytesIO(encoded)) as image:
                return plain(image)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise all kinds of errors
            if _IN_SHORT in str(error):
                raise MemoryError(str(error)) from None
            if isinstance(error, OSError) and error.errno is not None:  # of the system, not of the image
                raise
            raise UnfitError(decoding_problem(error), f"Pillow, which resizes it: {message(error)}") from None


def target_size(width: int, height: int, shorter_side: int) -> tuple[int, int]:
    """(width, height) after resizing, rounded as in torchvision's Resize.

    Raises:
        UnfitError: the longer side would be too long for a JPEG.
    """
    longer_side = int(shorter_side * max(width, height) / min(width, height))
    if longer_side > _MOST_SIDE:
        raise UnfitError(
            Problem.TOO_LARGE,
            f"resized, its longer side would have {longer_side} pixels; a JPEG has at most {_MOST_SIDE}",
        )
    return (shorter_side, longer_side) if width <= height else (longer_side, shorter_side)


def plain(image: Image.Image) -> Image.Image:
    """The image as 8-bit RGB or grey, for JPEG."""
    image = eight_bits(image)
    return image.convert("L" if image.mode in _GREY else "RGB")
