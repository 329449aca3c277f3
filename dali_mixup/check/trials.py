"""The care with which a sample is tried, and the batch it is tried in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dali_mixup._graph.look import Look
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup._graph.trial import MOST_FILES, Care
from dali_mixup.check.findings import Header

MOST_BYTES = 300_000_000
"""Limit of a batch, all of whose decoded images are in memory at once."""

_PLAIN = frozenset({"JPEG", "PNG"})
_LIKE_PILLOW = _PLAIN | {"WEBP"}


def care_for(header: Header | Look, kind: PixelKind = USUAL) -> Care:
    """The care for a sample that is decoded to pixels of that kind. Of JPEG, PNG and WebP all kinds were compared with
    Pillow except JPEGs of four channels, which come with many markings; of the other formats too many kinds exist. Of
    an animated PNG, DALI decodes the first frame and Pillow the image, which need not be the same.
    Pillow cannot tell about pixels that are neither grey nor RGB."""
    if not kind.converted:
        return "window"
    if (
        header.animated
        or header.format not in _LIKE_PILLOW
        or (header.format == "JPEG" and header.channels == 4)
    ):
        return "compare"
    return "whole" if header.format in _PLAIN else "window"


def trials(headers: Mapping[int, Header], kind: PixelKind = USUAL) -> Iterator[tuple[Care, list[int]]]:
    """The samples in batches of equal care, within the limits; a huge image is a batch of its own."""
    for care in ("whole", "window", "compare"):
        batch: list[int] = []
        held = 0
        for index, header in headers.items():
            if care_for(header, kind) != care:
                continue
            size = header.width * header.height * kind.bytes
            if batch and (len(batch) == MOST_FILES or held + size > MOST_BYTES):
                yield care, batch
                batch, held = [], 0
            batch.append(index)
            held += size
        if batch:
            yield care, batch
