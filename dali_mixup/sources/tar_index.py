"""The positions of the samples of one tar shard."""

from __future__ import annotations

import os

from dali_mixup.sources.archive_index import ArchiveIndex, Layout, kept_index
from dali_mixup.sources.naming_errors import named
from dali_mixup.sources.tar_headers import members
from dali_mixup.sources.tar_labels import label_ending, label_of, most_bytes
from dali_mixup.sources.tar_samples import FINDINGS, Sample, samples


def layout_of(json_label: str | None) -> Layout:
    """The layout of the indices; labels in different fields make different ones."""
    return Layout("tar" if json_label is None else f"tar, labels in {json_label!r}", FINDINGS)


def shard_index(shard: str, folder: str | None = None, json_label: str | None = None) -> ArchiveIndex:
    """The index of a shard, made once and kept as `kept_index` does.

    Args:
        shard: path of the tar.
        folder: folder for index files; None: beside the shard.
        json_label: see `TarShards`.

    Raises:
        FileNotFoundError: the shard does not exist.
        ValueError: it is not an uncompressed tar, is damaged, or has an image without a label that is a number.
    """
    return kept_index(
        shard, folder, layout_of(json_label), lambda descriptor: _scan(shard, descriptor, json_label)
    )


def _scan(shard: str, descriptor: int, json_label: str | None) -> ArchiveIndex:
    status = os.fstat(descriptor)
    with named(shard, "an uncompressed tar"):
        found = list(members(descriptor, status.st_size))
    table, notes = samples(found, shard, label_ending(json_label))
    rows = [(row.image.data, row.image.size, _label(shard, descriptor, row, json_label)) for row in table]
    if found and found[-1].archive:
        notes.add("archives", repr(shard))
    state = (status.st_size, status.st_mtime_ns)
    return ArchiveIndex.of([row.name for row in table], rows, state, notes)


def _label(shard: str, descriptor: int, sample: Sample, json_label: str | None) -> int:
    member = sample.label
    try:
        content = os.pread(descriptor, min(member.size, most_bytes(json_label)), member.data)
        return label_of(content, json_label)
    except ValueError as error:
        raise ValueError(
            f"the label of sample {sample.key!r} of {shard!r} is {error} (member {member.name!r} at offset "
            f"{member.offset})"
        ) from None
