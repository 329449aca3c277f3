"""Images that are ranges of bytes in larger files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.archives.open_files import OpenFiles
from dali_mixup.sources.base import Place, Source
from dali_mixup.sources.names import PackedNames
from dali_mixup.sources.remarks import Remark


class FileRanges(Source):
    """Samples that lie in few files, each read at its own position.

    Args:
        names, labels, classes, root, remarks: see `Source`.
        files: the files.
        which: (n,) int64, the number of every sample's file.
        offsets: (n,) int64, its first byte there.
        sizes: (n,) int64, its number of bytes.
    """

    read_in_dali = False

    def __init__(
        self,
        names: Sequence[str] | PackedNames,
        labels: Any,
        classes: Sequence[str] | None,
        root: str,
        *,
        files: OpenFiles,
        which: np.ndarray,
        offsets: np.ndarray,
        sizes: np.ndarray,
        remarks: Sequence[Remark] = (),
    ) -> None:
        super().__init__(names, labels, classes, root, remarks=remarks)
        self.remote = files.remote
        self._files, self._which, self._offsets, self._sizes = files, which, offsets, sizes

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        stored = self._files.read_all(self._which[indices], self._offsets[indices], self._sizes[indices])
        return [self._image(part, row) for part, row in zip(stored, indices.tolist(), strict=True)]

    def places(self, indices: np.ndarray) -> list[Place]:
        return self._files.places(self._which[indices], self._offsets[indices], self._sizes[indices])

    def _image(self, stored: np.ndarray, row: int) -> np.ndarray:
        """The encoded image of a sample, given the bytes of its range; ValueError if they are damaged."""
        return stored
