"""Images in MXNet's RecordIO files, with random access and without MXNet."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from dali_mixup._checks import integer
from dali_mixup.sources.archive_index import ArchiveIndex, Layout, kept_index
from dali_mixup.sources.archives import ArchivePaths, Archives
from dali_mixup.sources.naming_errors import named
from dali_mixup.sources.notes import Notes, merged
from dali_mixup.sources.pieces import Pieces
from dali_mixup.sources.recordio_frames import frames, image_and_label, joined
from dali_mixup.sources.remarks import Remark

_FINDINGS = {"empty": "records without an image are left out: {count}, such as number {example}"}
_FIRST = "first"


class RecordIO(Archives):
    """The images in RecordIO files as MXNet's im2rec writes them (.rec), each with one label.

    The files are indexed once, and every image is then read at its position; the .idx file beside a .rec is not needed
    and not read. Keys are <file>/<number of the record>, counted from 0 in the order of the file.

    Args:
        paths: a file, a pattern such as "train-*.rec", or a list of them; no file twice.
        classes: the names of the classes; None: "0", "1", ... up to the highest label.
        label_index: the place of the class among the labels of records that have several. None: such records are an
            error.
        index_dir: an existing folder for the index files; None: beside each file (if that folder is writable).

    Raises:
        FileNotFoundError: a file that does not exist.
        NotADirectoryError: `index_dir` is not a folder.
        ValueError: a file that is damaged or not of this form, or a label that is not the number of a class.
    """

    def __init__(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        classes: Sequence[str] | None = None,
        *,
        label_index: int | None = None,
        index_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        if label_index is not None:
            label_index = integer("RecordIO", "label_index", label_index, at_least=0)
        files = ArchivePaths.of(paths, index_dir)
        indices = [_index(file, files.index_dir, label_index) for file in files.files]
        notes = merged(index.notes for index in indices)
        remarks = [Remark(f"{files.root!r}: {text}") for text in notes.texts(_FINDINGS)]
        super().__init__(files, indices, classes, remarks=remarks)

    def _image(self, stored: np.ndarray, row: int) -> np.ndarray:
        first = int(self._more[_FIRST][row])
        return joined(stored, first) if first else stored


def _index(file: str, folder: str | None, which: int | None) -> ArchiveIndex:
    layout = Layout(f"recordio {which}", _FINDINGS, (_FIRST,))
    return kept_index(file, folder, layout, lambda descriptor: _found(file, descriptor, which))


def _found(file: str, descriptor: int, which: int | None) -> ArchiveIndex:
    status = os.fstat(descriptor)
    read = Pieces(descriptor, piece=64)
    names, rows, notes = [], [], Notes()
    with named(file, "a RecordIO file"):
        for number, frame in enumerate(frames(read)):
            row = image_and_label(read, frame, which)
            if row[1]:
                names.append(str(number))
                rows.append(row)
            else:
                notes.add("empty", str(number))
    return ArchiveIndex.of(names, rows, (status.st_size, status.st_mtime_ns), notes, (_FIRST,))
