"""Images in tar shards, read at random: shards get everything that files get."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from dali_mixup.sources.base import Place, Source
from dali_mixup.sources.files import numbered_classes
from dali_mixup.sources.names import PackedNames
from dali_mixup.sources.paths import path_text, path_texts, split_root
from dali_mixup.sources.tar_index import shard_index


class TarShards(Source):
    """The images of uncompressed tar files in the WebDataset convention (`dali_mixup.sources.tar_index`).

    The shards are indexed once, and every image is then read by its place. So the shuffle is a full one over all
    shards, whatever their order and that inside them, and a run resumes exactly; the price is one small read per image
    where a stream would read ahead.

    paths: the shards, at least one, no two alike.
    classes: the names of the classes; without them "0", "1", ... up to the highest label.
    index_dir: an existing folder for the index files; None keeps each beside its shard (if that can be written).

    Keys are <shard>/<member>. Raises FileNotFoundError, and ValueError for what is no such shard or holds no images.
    """

    read_in_dali: ClassVar[bool] = False

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        classes: Sequence[str] | None = None,
        *,
        index_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        if not paths or len(set(paths)) != len(paths):
            raise ValueError(
                f"shards must be one or more different files, got {len(paths)}: {list(paths)[:3]}"
            )
        root, keys = split_root(path_texts(paths))
        shards = [root + key for key in keys]
        folder = None if index_dir is None else path_text(index_dir)
        if folder is not None and not os.path.isdir(folder):
            raise NotADirectoryError(f"index_dir {folder!r} is not a folder")
        indices = [shard_index(shard, folder) for shard in shards]
        members = [
            f"{key}/{member}"
            for key, index in zip(keys, indices, strict=True)
            for member in index.members.tobytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
        ]
        if not members:
            raise ValueError(f"no images in {len(shards)} shards, such as {shards[0]!r}")
        labels = np.concatenate([index.labels for index in indices])
        names = PackedNames.pack(members, root)
        super().__init__(names, labels, numbered_classes(labels) if classes is None else classes, root)
        self._offsets = np.concatenate([index.offsets for index in indices])
        self._sizes = np.concatenate([index.sizes for index in indices])
        self._shards = np.repeat(np.arange(len(shards)), [len(index.labels) for index in indices])
        self._files = _OpenFiles(shards)

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        read = self._files.read
        places = (self._shards[indices], self._offsets[indices], self._sizes[indices])
        return [read(*place) for place in zip(*(column.tolist() for column in places), strict=True)]

    def places(self, indices: np.ndarray) -> list[Place]:
        columns = (self._shards[indices], self._offsets[indices], self._sizes[indices])
        paths = self._files.paths
        return [
            (os.fsencode(paths[shard]), offset, size)
            for shard, offset, size in zip(*(column.tolist() for column in columns), strict=True)
        ]

    def _take(self, rows: np.ndarray) -> TarShards:
        rest = super()._take(rows)
        rest._offsets, rest._sizes, rest._shards = self._offsets[rows], self._sizes[rows], self._shards[rows]
        return rest


class _OpenFiles:
    """Reads pieces of many files while keeping only some of them open (a process may hold 1024 on most machines)."""

    _MOST = 256

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        self._open: OrderedDict[int, int] = OrderedDict()
        self._lock = threading.Lock()  # a descriptor must not be closed between its look-up and its use

    def read(self, file: int, offset: int, size: int) -> np.ndarray:
        with self._lock:
            content = os.pread(self._descriptor(file), size, offset)
        if len(content) != size:
            raise ValueError(f"{self.paths[file]!r} ends before byte {offset + size}: has the shard changed?")
        return np.frombuffer(content, dtype=np.uint8)

    def _descriptor(self, file: int) -> int:
        if file in self._open:
            self._open.move_to_end(file)
            return self._open[file]
        if len(self._open) >= self._MOST:
            os.close(self._open.popitem(last=False)[1])
        self._open[file] = os.open(self.paths[file], os.O_RDONLY | os.O_CLOEXEC)
        return self._open[file]

    def __del__(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
