"""Images in tar shards, with random access and all features of files."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from dali_mixup.sources.names import PackedNames
from dali_mixup.sources.open_files import OpenFiles
from dali_mixup.sources.paths import home_expanded, split_root
from dali_mixup.sources.ranges import FileRanges
from dali_mixup.sources.remarks import Remark
from dali_mixup.sources.tar_index import shard_index
from dali_mixup.sources.tar_samples import merged


class TarShards(FileRanges):
    """The images of uncompressed tar files in the WebDataset convention (`dali_mixup.sources.tar_samples`).

    The shards are indexed once, and every image is then read at its position. So the shuffle covers all shards,
    regardless of their order and the order in them, and a run resumes exactly; the cost is one small read per image
    where a stream would read ahead. Keys are <shard>/<member>.

    Args:
        paths: the shards, at least one, without duplicates.
        classes: the names of the classes; None: "0", "1", ... up to the highest label.
        index_dir: an existing folder for the index files; None: beside each shard (if that folder is writable).

    Raises:
        FileNotFoundError: a shard that does not exist.
        NotADirectoryError: `index_dir` is not a folder.
        ValueError: a shard that is damaged or not an uncompressed tar, an image without a label, or no image.
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        classes: Sequence[str] | None = None,
        *,
        index_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        files = [home_expanded(path) for path in paths]
        if not files or len(set(files)) != len(files):
            raise ValueError(f"shards must be one or more different files, got {len(files)}: {files[:3]}")
        root, keys = split_root(files)
        shards = [root + key for key in keys]
        folder = None if index_dir is None else home_expanded(index_dir)
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
        notes = merged(index.notes for index in indices)
        super().__init__(
            PackedNames.pack(members, root),
            np.concatenate([index.labels for index in indices]),
            classes,
            root,
            files=OpenFiles(shards, [index.state for index in indices]),
            which=np.repeat(np.arange(len(shards)), [len(index.labels) for index in indices]),
            offsets=np.concatenate([index.offsets for index in indices]),
            sizes=np.concatenate([index.sizes for index in indices]),
            remarks=[Remark(f"{root!r}: {text}") for text in notes.texts()],
        )
