"""The positions of the samples of one tar shard, found once and kept in a file."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup._files import NotWritten, replacing
from dali_mixup.sources.paths import regular_file
from dali_mixup.sources.tar_headers import TarError, members
from dali_mixup.sources.tar_samples import Notes, Sample, samples

_log = logging.getLogger(__name__)
_VERSION = 2
_ENDS = 1 << 16
"""Bytes at both ends of a shard that its index is tied to; whole shards if they are small."""

_COMPRESSED = {
    b"\x1f\x8b": "compressed with gzip",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"(\xb5/\xfd": "compressed with zstandard",
    b"PK": "a zip file",
}


@dataclass(frozen=True)
class ShardIndex:
    """The samples of a shard, in its order.

    Attributes:
        members: file names inside the tar, each followed by a zero byte, as (bytes,) uint8.
        offsets: (n,) int64, the first byte of each image in the tar file.
        sizes: (n,) int64, their number of bytes.
        labels: (n,) int64.
        state: size in bytes and modification time in nanoseconds of the tar file.
        notes: its other contents.
    """

    members: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray
    state: tuple[int, int]
    notes: Notes


def shard_index(shard: str, folder: str | None = None) -> ShardIndex:
    """The index of a shard: from its file if that was made from this tar, else made and written for next time.

    Args:
        shard: path of the tar.
        folder: folder for index files; None: beside the shard.

    Raises:
        FileNotFoundError: the shard does not exist.
        ValueError: it is not an uncompressed tar, is damaged, or has an image without a label that is a number.
    """
    regular_file(shard)
    kept = _index_file(shard, folder)
    descriptor = os.open(shard, os.O_RDONLY | os.O_CLOEXEC)
    try:
        origin = _origin(descriptor)
        index = _load(kept, origin, os.fstat(descriptor))
        if index is None:
            index = _scan(shard, descriptor)
            if _origin(descriptor) == origin:  # otherwise it is being written at this moment
                _save(kept, origin, index)
    finally:
        os.close(descriptor)
    return index


def _origin(descriptor: int) -> str:
    """The identity of the tar that an index belongs to. Writing to a file changes its ctime, which cannot be set
    back."""
    status = os.fstat(descriptor)
    ends = os.pread(descriptor, _ENDS, 0) + os.pread(descriptor, _ENDS, max(0, status.st_size - _ENDS))
    digest = hashlib.sha256(ends).hexdigest()
    return f"{_VERSION} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino} {digest}"


def _index_file(shard: str, folder: str | None) -> str:
    if folder is None:
        return f"{shard}.index.npz"
    # Shards in different folders may have the same name.
    digest = hashlib.sha256(os.fsencode(shard)).hexdigest()[:16]
    return os.path.join(folder, f"{os.path.basename(shard)}.{digest}.index.npz")


def _load(file: str, origin: str, status: os.stat_result) -> ShardIndex | None:
    """The index in a file; None if there is none, or none that can belong to this shard."""
    try:
        regular_file(file)
        with zipfile.ZipFile(file) as archive:  # NumPy would unpack any size that a file claims
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("it is compressed")
        with np.load(file, allow_pickle=False) as saved:
            if saved["origin"].tobytes().decode() != origin:
                return None
            return _checked(saved, status)
    except FileNotFoundError:
        return None
    except Exception as error:  # a file can be damaged in any way
        _log.info("the index %s is not usable and will be made again: %s", file, error)
        return None


def _checked(saved: Any, status: os.stat_result) -> ShardIndex:
    names, offsets, sizes, labels = (saved[key] for key in ("members", "offsets", "sizes", "labels"))
    count = len(offsets)
    if any(column.dtype != np.int64 or column.shape != (count,) for column in (offsets, sizes, labels)):
        raise ValueError("its columns have other types or lengths")
    if (
        names.dtype != np.uint8
        or names.ndim != 1
        or np.count_nonzero(names == 0) != count
        or (names[-1:] != 0).any()
    ):
        raise ValueError("it has another number of names")
    if not (
        (offsets >= 0) & (sizes >= 0) & (sizes <= status.st_size) & (offsets <= status.st_size - sizes)
    ).all():
        raise ValueError("it leads outside the shard")
    found = json.loads(saved["notes"].tobytes())
    notes = Notes({str(key): (int(count), str(example)) for key, (count, example) in found.items()})
    notes.texts()  # fails for invalid findings
    return ShardIndex(names, offsets, sizes, labels, (status.st_size, status.st_mtime_ns), notes)


def _save(file: str, origin: str, index: ShardIndex) -> None:
    columns: dict[str, Any] = {
        "origin": np.frombuffer(origin.encode(), np.uint8),
        "notes": np.frombuffer(json.dumps(index.notes.found).encode(), np.uint8),
        "members": index.members,
        "offsets": index.offsets,
        "sizes": index.sizes,
        "labels": index.labels,
    }
    if os.path.lexists(file) and (os.path.islink(file) or not os.path.isfile(file)):
        # Writing to a pipe could last forever, and a link may lead to a file that is not an index.
        _log.info("the index of a shard is not kept: %s is not a regular file", file)
        return
    try:
        with replacing(file) as out:
            np.savez(out, allow_pickle=False, **columns)
    except NotWritten as error:
        _log.info("the index of a shard cannot be written, so it will be made again next time: %s", error)


def _scan(shard: str, descriptor: int) -> ShardIndex:
    status = os.fstat(descriptor)
    try:
        found = list(members(descriptor, status.st_size))
    except TarError as error:
        start = os.pread(descriptor, 8, 0)
        kind = next((text for magic, text in _COMPRESSED.items() if start.startswith(magic)), None)
        reason = f"it is {kind}; unpack it, since images are read at random" if kind else error
        raise ValueError(f"{shard!r} cannot be read as an uncompressed tar: {reason}") from None
    table, notes = samples(found, shard)
    rows = [(row.image.data, row.image.size, _label(shard, descriptor, row)) for row in table]
    if found and found[-1].archive:
        notes.add("archives", repr(shard))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    joined = "".join(f"{row.name}\0" for row in table).encode("utf-8", "surrogateescape")
    offsets, sizes, labels = (np.ascontiguousarray(column) for column in columns)
    state = (status.st_size, status.st_mtime_ns)
    return ShardIndex(np.frombuffer(joined, np.uint8), offsets, sizes, labels, state, notes)


def _label(shard: str, descriptor: int, sample: Sample) -> int:
    member = sample.label
    text = os.pread(descriptor, min(member.size, 33), member.data)
    if not re.fullmatch(rb"\s*[+-]?[0-9]{1,18}\s*", text):
        raise ValueError(
            f"the label of sample {sample.key!r} of {shard!r} is {text!r}, expected a number (member {member.name!r} "
            f"at offset {member.offset})"
        )
    return int(text)
