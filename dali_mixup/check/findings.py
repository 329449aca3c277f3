"""What the check finds out about one file."""

from __future__ import annotations

from dataclasses import dataclass

from dali_mixup._graph.look import Problem


@dataclass(frozen=True)
class Header:
    """What the beginning of an image file says, without its pixels.

    format: Pillow's name of it, such as "JPEG".
    width, height: as stored, in pixels; not turned by EXIF.
    channels: as stored.
    bytes: the size of the file.
    rotated: whether an EXIF tag asks viewers to turn or mirror the image.
    """

    format: str
    width: int
    height: int
    channels: int
    bytes: int
    rotated: bool


@dataclass(frozen=True)
class Finding:
    """One unfit sample: its index and key in the source, what is wrong, and the decoder's own words."""

    index: int
    key: str
    problem: Problem
    detail: str
