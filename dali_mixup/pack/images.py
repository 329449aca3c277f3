"""One image as it is packed: its own bytes, or resized and encoded again."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dali_mixup._graph.look import Look, Problem, UnfitError, decoding_problem, look
from dali_mixup._graph.pillow_pixels import eight_bits
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
        trial: decodes originals of the formats that DALI does not always decode as Pillow does, if they are kept.

    Raises:
        UnfitError: it cannot be decoded, or is kept and DALI decodes it to other pixels than Pillow.
    """
    found = look(encoded, options.max_pixels)
    small = options.shorter_side is None or min(found.width, found.height) <= options.shorter_side
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on large images and odd EXIF
        try:
            with Image.open(io.BytesIO(encoded)) as image:
                image.load()
                if options.shorter_side is None or small:
                    _check_kept(encoded, found, trial)
                    return PackedImage(encoded, ENDINGS[found.format], found.width, found.height, kept=True)
                size = target_size(image.width, image.height, options.shorter_side)
                resized = plain(image).resize(size, Image.Resampling.LANCZOS)
        except UnfitError:
            raise
        except Exception as error:  # Pillow's decoders raise all kinds of errors
            raise UnfitError(decoding_problem(error), str(error) or type(error).__name__) from None
    memory = io.BytesIO()
    resized.save(memory, "JPEG", quality=options.quality, subsampling=options.subsampling)
    return PackedImage(memory.getvalue(), "jpg", *size, kept=False)


def _check_kept(encoded: bytes, found: Look, trial: Trial) -> None:
    if care_for(found) != "compare":
        return
    (outcome,) = trial.decode([np.frombuffer(encoded, np.uint8)], False, "compare")
    if outcome.error is not None:
        raise UnfitError(Problem.UNDECODABLE, outcome.error)
    if outcome.difference is not None:
        raise UnfitError(Problem.OTHER_PIXELS, outcome.difference)


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
