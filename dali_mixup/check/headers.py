"""What Pillow can tell about a file without decoding it, and its words for a file that cannot be decoded."""

from __future__ import annotations

import io
import os
import warnings
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

from dali_mixup.check.findings import Finding, Header, Problem
from dali_mixup.sources.base import Source

_ORIENTATION = 0x0112
_UPRIGHT = 1


def read_header(source: Source, index: int) -> Header | Finding:
    """The header of a sample, or why it has none."""
    try:
        with _encoded(source, index) as file:
            size = file.seek(0, os.SEEK_END)
            if not size:
                return _finding(source, index, Problem.EMPTY, "0 bytes")
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's remarks on large images and odd EXIF
                with Image.open(file) as image:
                    return Header(image.format or "", image.width, image.height, size, _is_rotated(image))
    except FileNotFoundError as error:
        return _finding(source, index, Problem.MISSING, error.strerror or "")
    except UnidentifiedImageError:
        return _finding(source, index, Problem.NOT_AN_IMAGE, _first_words(source, index))
    except Image.DecompressionBombError as error:
        return _finding(source, index, Problem.UNDECODABLE, str(error))
    except OSError as error:
        return _finding(source, index, Problem.UNREADABLE, error.strerror or str(error))
    except Exception as error:  # Pillow's parsers raise all kinds of errors on damaged headers
        return _finding(source, index, Problem.UNDECODABLE, f"{type(error).__name__}: {error}")


def undecodable(source: Source, index: int, reason: str) -> Finding:
    """The finding for a sample that DALI fails to decode with `reason`; Pillow says whether it is cut short."""
    try:
        with _encoded(source, index) as file, Image.open(file) as image:
            image.load()
    except Exception as error:  # as above
        problem = Problem.TRUNCATED if "truncated" in str(error) else Problem.UNDECODABLE
        return _finding(source, index, problem, str(error))
    return _finding(source, index, Problem.UNDECODABLE, reason)


def _encoded(source: Source, index: int) -> IO[bytes]:
    if source.read_in_dali:
        return open(source.name(index), "rb")
    return io.BytesIO(source.feed(np.array([index]))[0].tobytes())


def _finding(source: Source, index: int, problem: Problem, detail: str) -> Finding:
    return Finding(index, source.key(index), problem, detail)


def _is_rotated(image: Image.Image) -> bool:
    if image.format == "PNG" and "exif" not in image.info:
        return False  # Pillow would decode the whole image to look for a block at its end
    try:
        return int(image.getexif().get(_ORIENTATION, _UPRIGHT)) != _UPRIGHT
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return False


def _first_words(source: Source, index: int) -> str:
    with _encoded(source, index) as file:
        return f"begins with {file.read(16)!r}"
