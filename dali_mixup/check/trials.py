"""The care with which a sample is tried, and the batch it is tried in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dali_mixup._graph.look import Look
from dali_mixup._graph.trial import MOST_FILES, Care
from dali_mixup.check.findings import Header

MOST_PIXELS = 100_000_000
"""Limit of a batch: decoded images take three bytes per pixel, all of a batch at once."""

_PLAIN = frozenset({"JPEG", "PNG"})
_LIKE_PILLOW = _PLAIN | {"WEBP"}


def care_for(header: Header | Look) -> Care:
    """The care for a sample of that kind. Of JPEG, PNG and WebP all kinds were compared with Pillow except JPEGs of
    four channels, which come with many markings; of the other formats too many kinds exist."""
    if header.format not in _LIKE_PILLOW or (header.format == "JPEG" and header.channels == 4):
        return "compare"
    return "whole" if header.format in _PLAIN else "window"


def trials(headers: Mapping[int, Header]) -> Iterator[tuple[Care, list[int]]]:
    """The samples in batches of equal care, within the limits; a huge image is a batch of its own."""
    for care in ("whole", "window", "compare"):
        batch: list[int] = []
        held = 0
        for index, header in headers.items():
            if care_for(header) != care:
                continue
            size = header.width * header.height
            if batch and (len(batch) == MOST_FILES or held + size > MOST_PIXELS):
                yield care, batch
                batch, held = [], 0
            batch.append(index)
            held += size
        if batch:
            yield care, batch
