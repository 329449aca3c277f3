"""The positions of the samples of one tar shard."""

from __future__ import annotations

from dali_mixup.sources.archives.index import ArchiveIndex, Layout, kept_index
from dali_mixup.sources.archives.naming_errors import named
from dali_mixup.sources.archives.tar_headers import Member, members
from dali_mixup.sources.archives.tar_labels import label_ending, label_of, most_bytes
from dali_mixup.sources.archives.tar_samples import FINDINGS, Sample, samples
from dali_mixup.sources.inputs import Input


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
    return kept_index(shard, folder, layout_of(json_label), lambda file: scanned(file, json_label))


def scanned(file: Input, json_label: str | None = None) -> ArchiveIndex:
    """The index of an open shard, from the shard itself; arguments and errors as for `shard_index`."""
    ending = label_ending(json_label)
    found: list[Member] = []
    contents: dict[int, bytes] = {}
    with named(file, "an uncompressed tar"):
        for member in members(file, file.size):
            found.append(member)
            # Now, since the file is being read here anyway.
            if member.name.lower().endswith(f".{ending}") and member.size <= most_bytes(json_label):
                contents[member.data] = _content(file, member, json_label)
    table, notes = samples(found, file.path, ending)
    rows = [
        (row.image.data, row.image.size, _label(file, row, contents.get(row.label.data), json_label))
        for row in table
    ]
    if found and found[-1].archive:
        notes.add("archives", repr(file.path))
    return ArchiveIndex.of([row.name for row in table], rows, file.state, notes)


def _content(file: Input, member: Member, json_label: str | None) -> bytes:
    most = most_bytes(json_label)
    if member.size > most:  # a part of it may be another label
        raise ValueError(f"in a member of {member.size} bytes, expected at most {most}")
    return file.read(member.data, member.size)


def _label(file: Input, sample: Sample, content: bytes | None, json_label: str | None) -> int:
    member = sample.label
    try:
        # None: the target of a link, or a member that is too long.
        return label_of(_content(file, member, json_label) if content is None else content, json_label)
    except ValueError as error:
        raise ValueError(
            f"the label of sample {sample.key!r} of {file.path!r} is {error} (member {member.name!r} at offset "
            f"{member.offset})"
        ) from None
