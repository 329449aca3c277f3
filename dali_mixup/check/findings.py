"""The findings of the check about one file."""

from __future__ import annotations

from dataclasses import dataclass

from dali_mixup._graph.look import Problem


@dataclass(frozen=True)
class Header:
    """The contents of an image file's header, without its pixels.

    Attributes:
        format: Pillow's name of it, such as "JPEG".
        width, height: as stored, in pixels; not turned by EXIF.
        channels: as stored.
        bytes: the size of the file.
        rotated: whether an EXIF tag asks viewers to turn or mirror the image.
        animated: whether it is a PNG of several frames.
    """

    format: str
    width: int
    height: int
    channels: int
    bytes: int
    rotated: bool
    animated: bool = False


@dataclass(frozen=True)
class Finding:
    """One unfit sample: its index and key in the source, the problem, and the decoder's message."""

    index: int
    key: str
    problem: Problem
    detail: str
