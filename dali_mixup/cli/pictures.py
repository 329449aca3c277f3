"""Pictures that a subcommand reads, and those that it writes, in the format given by the file's suffix."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dali_mixup._files import NotWritten, check_writable, replacing

if TYPE_CHECKING:
    from PIL import Image


def open_picture(path: Path) -> Image.Image:
    """The picture in RGB of 8 bits, into which 16 bits are scaled as by the loaders.

    Raises:
        ValueError: it cannot be read, or has more pixels than Pillow opens.
    """
    from PIL import Image

    from dali_mixup._graph.pillow_pixels import eight_bits

    try:
        with Image.open(path) as picture:
            return eight_bits(picture).convert("RGB")
    except Exception as error:  # Pillow's decoders raise all kinds of errors
        reason = "" if str(path) in str(error) else f"{str(path)!r}: "
        raise ValueError(f"{reason}{error}") from error


def check_picture(path: Path) -> None:
    """Check, before the work, that a picture can be written there.

    Raises:
        ValueError: the suffix is not a format in which Pillow writes pictures in colour.
        NotWritten: see `check_writable`.
    """
    from PIL import Image

    try:
        _encoded(Image.new("RGB", (1, 1)), path)
    except Exception as error:  # some formats hold bits only, others need another program
        raise ValueError(
            f"--out {str(path)!r}: expected a name that ends in .png, .jpg or another format of pictures in colour"
        ) from error
    check_writable(path)


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write the picture.

    Raises:
        NotWritten: see `check_writable`; or the picture is too large for its format.
    """
    try:
        content = _encoded(picture, path)
    except (OSError, ValueError) as error:  # more pixels than the format may have
        raise NotWritten(errno.EINVAL, str(error), os.fspath(path)) from error
    with replacing(path) as file:
        file.write(content)


def _encoded(picture: Image.Image, path: Path) -> memoryview:
    """The picture in the format of the name; raises what Pillow raises."""
    from PIL import Image

    known = Image.registered_extensions()  # suffix in lower case -> format
    # Written to a file, a full disk would be an error of Pillow's encoder.
    content = io.BytesIO()
    picture.save(content, known.get(path.suffix.lower(), path.suffix))
    return content.getbuffer()
