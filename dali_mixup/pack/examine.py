"""The examination of one packed shard: its checksums, its members, and every image."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from dali_mixup._graph.child import ChildError
from dali_mixup._graph.look import UnfitError
from dali_mixup._graph.trial import Trial
from dali_mixup.pack.crew import untried
from dali_mixup.pack.images import packed_image
from dali_mixup.pack.options import Options
from dali_mixup.sources.archives.pack_lines import Shard
from dali_mixup.sources.archives.tar_index import scanned
from dali_mixup.sources.inputs import opened
from dali_mixup.sources.names import system_name

_PIECE = 1 << 20


@dataclass(frozen=True)
class Examination:
    """A shard to examine.

    Attributes:
        folder: the packed folder.
        shard: what is said about it.
        max_pixels: see `Options`.
    """

    folder: str
    shard: Shard
    max_pixels: int


def problems(request: Examination, trial: Trial) -> list[str]:
    """One line for everything that is wrong with a shard; none if it is as it was written. For `trial` see
    `packed_image`. Raises PackingError where an image cannot be tried."""
    try:
        return list(_of_tar(request, trial) if request.shard.file else _of_files(request, trial))
    except OSError as error:
        return [f"{error.filename or request.shard.file}: {error.strerror or error}"]


def _of_tar(request: Examination, trial: Trial) -> Iterator[str]:
    shard = request.shard
    path = os.path.join(request.folder, shard.file)
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while piece := file.read(_PIECE):
            digest.update(piece)
        if digest.hexdigest() != shard.sha256:
            yield f"{shard.file}: its checksum (SHA-256) is {digest.hexdigest()}, expected {shard.sha256}"
        yield from _members(path, shard)
        options = Options(max_pixels=request.max_pixels)
        for row, key in enumerate(shard.keys):
            content = os.pread(file.fileno(), shard.sizes[row], shard.offsets[row])
            if wrong := _of_image(content, shard, row, options, trial):
                yield f"{shard.file}: {shard.members[row]} ({key}): {wrong}"


def _members(path: str, shard: Shard) -> Iterator[str]:
    """The tar's own headers and labels, compared with what is said about them."""
    try:
        with opened(path) as file:
            index = scanned(file)
    except ValueError as error:
        yield str(error)
        return
    found = list(
        zip(
            index.name_texts(),
            index.labels.tolist(),
            index.offsets.tolist(),
            index.sizes.tolist(),
            strict=True,
        )
    )
    listed = list(zip(shard.members, shard.labels, shard.offsets, shard.sizes, strict=True))
    if len(found) != len(listed):
        yield f"{shard.file}: it holds {len(found)} samples, expected {len(listed)}"
    for one, other in zip(found, listed, strict=False):
        if one != other:
            yield f"{shard.file}: (name, label, offset, bytes) are {one}, expected {other}"
            return


def _of_files(request: Examination, trial: Trial) -> Iterator[str]:
    shard = request.shard
    options = Options(max_pixels=request.max_pixels)
    for row, member in enumerate(shard.members):
        try:
            with open(os.path.join(request.folder, system_name(member)), "rb") as file:
                content = file.read()
        except OSError as error:
            yield f"{member} ({shard.keys[row]}): {error.strerror}"
            continue
        if len(content) != shard.sizes[row]:
            yield f"{member} ({shard.keys[row]}): it has {len(content)} bytes, expected {shard.sizes[row]}"
        elif wrong := _of_image(content, shard, row, options, trial):
            yield f"{member} ({shard.keys[row]}): {wrong}"


def _of_image(content: bytes, shard: Shard, row: int, options: Options, trial: Trial) -> str | None:
    if zlib.crc32(content) != shard.crc32[row]:
        return "its checksum (CRC-32) differs"
    try:
        image = packed_image(content, options, trial)
    except UnfitError as error:
        return str(error)
    except (ChildError, MemoryError, OSError) as error:
        raise untried(shard.keys[row], error) from error
    if (image.width, image.height) != (shard.widths[row], shard.heights[row]):
        return f"{image.width} x {image.height} pixels, expected {shard.widths[row]} x {shard.heights[row]}"
    return None
