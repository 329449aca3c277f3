"""Images in tar shards, with random access and all features of files."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dali_mixup.sources.archives.base import ArchivePaths, Archives
from dali_mixup.sources.archives.index import each_index
from dali_mixup.sources.archives.notes import merged
from dali_mixup.sources.archives.tar_index import shard_index
from dali_mixup.sources.archives.tar_samples import FINDINGS
from dali_mixup.sources.remarks import Remark


class TarShards(Archives):
    """The images of uncompressed tar files in the WebDataset convention (`dali_mixup.sources.archives.tar_samples`).

    The shards are indexed once, and every image is then read at its position. So the shuffle covers all shards,
    regardless of their order and the order in them, and a run resumes exactly; the cost is one small read per image
    where a stream would read ahead. Keys are <shard>/<member>.

    Args:
        paths: the shards or their URLs, at least one, without duplicates.
        classes: the names of the classes; None: "0", "1", ... up to the highest label.
        index_dir: an existing folder for the index files; None: beside each shard (if that folder is writable), for
            URLs in the user's cache folder.
        json_label: the field of each sample's `.json` file that holds its label, a whole number (timm's `target_key`);
            None: labels are in `.cls` files.

    Raises:
        FileNotFoundError: a shard that does not exist.
        NotADirectoryError: `index_dir` is not a folder.
        ValueError: a shard that is damaged or not an uncompressed tar, an image without a label, or no image.
    """

    def __init__(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        classes: Sequence[str] | None = None,
        *,
        index_dir: str | os.PathLike[str] | None = None,
        json_label: str | None = None,
    ) -> None:
        shards = ArchivePaths.of(paths, index_dir)
        indices = each_index(shards.files, lambda shard: shard_index(shard, shards.index_dir, json_label))
        notes = merged(index.notes for index in indices)
        remarks = [Remark(f"{shards.root!r}: {text}") for text in notes.texts(FINDINGS)]
        super().__init__(shards, indices, classes, remarks=remarks)
