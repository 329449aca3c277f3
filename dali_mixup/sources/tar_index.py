"""Where the samples of one tar shard lie, found once and kept in a file.

A shard is in the WebDataset convention: files that follow each other and share the name up to its first dot are one
sample, such as `dir/007.jpg` and `dir/007.cls`, the latter holding the label as decimal digits.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tarfile
import zipfile
from dataclasses import astuple, dataclass
from itertools import groupby

import numpy as np

from dali_mixup.sources.folder import IMAGE_EXTENSIONS

_log = logging.getLogger(__name__)
_VERSION = 1


@dataclass(frozen=True)
class ShardIndex:
    """The samples of a shard, in its order.

    members: file names inside the tar, each followed by a zero byte, as (bytes,) uint8.
    offsets, sizes: (n,) int64, where the bytes of each image lie in the tar file.
    labels: (n,) int64.
    """

    members: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray


def shard_index(shard: str, folder: str | None = None) -> ShardIndex:
    """The index of `shard`: from its file if that was made from this very tar, else made, and written for next time.

    folder: where index files are kept; None means beside the shard.
    Raises ValueError for a file that is no tar, and for a sample without a label or with one that is no number.
    """
    stat = os.stat(shard)
    origin = np.array([_VERSION, stat.st_size, stat.st_mtime_ns])
    file = _index_file(shard, folder)
    try:
        with np.load(file, allow_pickle=False) as saved:
            if np.array_equal(saved["origin"], origin):
                return ShardIndex(saved["members"], saved["offsets"], saved["sizes"], saved["labels"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # not there, not whole or not ours: made anew below
    index = _scan(shard)
    _save(file, origin, index)
    return index


def _index_file(shard: str, folder: str | None) -> str:
    if folder is None:
        return f"{shard}.index.npz"
    # Shards of different folders may share a name.
    digest = hashlib.sha256(os.fsencode(shard)).hexdigest()[:16]
    return os.path.join(folder, f"{os.path.basename(shard)}.{digest}.index.npz")


def _save(file: str, origin: np.ndarray, index: ShardIndex) -> None:
    members, offsets, sizes, labels = astuple(index)
    partial = f"{file}.{os.getpid()}.partial"  # several ranks may write the same index at once
    try:
        with open(partial, "wb") as out:
            np.savez(out, origin=origin, members=members, offsets=offsets, sizes=sizes, labels=labels)
        os.replace(partial, file)
    except OSError as error:
        _log.info("the index of a shard is not kept, so it is made again next time: %s", error)


def _scan(shard: str) -> ShardIndex:
    names: list[str] = []
    rows: list[tuple[int, int, int]] = []
    try:
        with tarfile.open(shard, "r:") as tar:
            files = (member for member in tar if member.isfile())
            for key, group in groupby(files, key=lambda member: _split(member.name)[0]):
                parts = {_split(member.name)[1]: member for member in group}
                image = next((parts[ending] for ending in parts if f".{ending}" in IMAGE_EXTENSIONS), None)
                if image is None:
                    continue
                names.append(image.name)
                rows.append((image.offset_data, image.size, _label(shard, key, tar, parts.get("cls"))))
    except tarfile.TarError as error:
        raise ValueError(f"{shard!r} cannot be read as an uncompressed tar: {error}") from error
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    joined = "".join(f"{name}\0" for name in names).encode("utf-8", "surrogateescape")
    return ShardIndex(np.frombuffer(joined, np.uint8), *(np.ascontiguousarray(column) for column in table.T))


def _split(name: str) -> tuple[str, str]:
    """The key and the lower-case ending of a member: its last part is cut at the first dot."""
    folder, slash, last = name.rpartition("/")
    stem, _, ending = last.partition(".")
    return folder + slash + stem, ending.lower()


def _label(shard: str, key: str, tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> int:
    content = tar.extractfile(member) if member is not None else None
    if content is None:
        raise ValueError(
            f"sample {key!r} of {shard!r} has no label: a file {key}.cls is expected beside the image"
        )
    text = content.read(32)
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"the label of sample {key!r} of {shard!r} is {text!r}, expected a number") from None
