"""Pictures that a subcommand writes, in the format given by the file's suffix."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from dali_mixup._files import check_writable, replacing

if TYPE_CHECKING:
    from PIL import Image


def check_picture(path: Path) -> None:
    """Check, before the work, that a picture can be written there.

    Raises:
        ValueError: the suffix is not a format that Pillow writes.
        NotWritten: see `check_writable`.
    """
    _format(path)
    check_writable(path)


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write the picture; raises as `check_picture`."""
    content = (
        io.BytesIO()
    )  # Pillow writes to a file's descriptor, and calls a full disk an error of its encoder
    picture.save(content, _format(path))
    with replacing(path) as file:
        file.write(content.getbuffer())


def _format(path: Path) -> str:
    from PIL import Image

    known = Image.registered_extensions()  # suffix in lower case -> format
    found = known.get(path.suffix.lower())
    if found not in Image.SAVE:
        raise ValueError(
            f"--out {str(path)!r}: expected a name that ends in .png, .jpg or another picture format"
        )
    return found
