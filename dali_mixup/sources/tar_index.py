"""The positions of the samples of one tar shard."""

from __future__ import annotations

import os
import re

from dali_mixup.sources.archive_index import ArchiveIndex, Layout, kept_index
from dali_mixup.sources.naming_errors import named
from dali_mixup.sources.tar_headers import members
from dali_mixup.sources.tar_samples import FINDINGS, Sample, samples

LAYOUT = Layout("tar", FINDINGS)


def shard_index(shard: str, folder: str | None = None) -> ArchiveIndex:
    """The index of a shard, made once and kept as `kept_index` does.

    Args:
        shard: path of the tar.
        folder: folder for index files; None: beside the shard.

    Raises:
        FileNotFoundError: the shard does not exist.
        ValueError: it is not an uncompressed tar, is damaged, or has an image without a label that is a number.
    """
    return kept_index(shard, folder, LAYOUT, lambda descriptor: _scan(shard, descriptor))


def _scan(shard: str, descriptor: int) -> ArchiveIndex:
    status = os.fstat(descriptor)
    with named(shard, "an uncompressed tar"):
        found = list(members(descriptor, status.st_size))
    table, notes = samples(found, shard)
    rows = [(row.image.data, row.image.size, _label(shard, descriptor, row)) for row in table]
    if found and found[-1].archive:
        notes.add("archives", repr(shard))
    state = (status.st_size, status.st_mtime_ns)
    return ArchiveIndex.of([row.name for row in table], rows, state, notes)


def _label(shard: str, descriptor: int, sample: Sample) -> int:
    member = sample.label
    text = os.pread(descriptor, min(member.size, 33), member.data)
    if not re.fullmatch(rb"\s*[+-]?[0-9]{1,18}\s*", text):
        raise ValueError(
            f"the label of sample {sample.key!r} of {shard!r} is {text!r}, expected a number (member {member.name!r} "
            f"at offset {member.offset})"
        )
    return int(text)
