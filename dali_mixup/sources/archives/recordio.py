"""Images in MXNet's RecordIO files, with random access and without MXNet."""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Sequence

import numpy as np

from dali_mixup._checks import integer
from dali_mixup.sources.archives.base import ArchivePaths, Archives
from dali_mixup.sources.archives.index import ArchiveIndex, Layout, each_index, kept_index
from dali_mixup.sources.archives.naming_errors import named
from dali_mixup.sources.archives.notes import Notes, merged
from dali_mixup.sources.archives.pieces import Pieces
from dali_mixup.sources.archives.recordio_frames import frames, image_and_label, joined
from dali_mixup.sources.inputs import Input, opened
from dali_mixup.sources.listed.lines import text_lines
from dali_mixup.sources.remarks import Remark

_FINDINGS = {
    "empty": "records without an image are left out: {count}, such as number {example}",
    "unlisted": "records that the .idx file does not list: {count}, such as the one at offset {example}; all are read",
}
_FIRST = "first"
_IDX_LINE = re.compile(r"\s*[0-9]{1,20}\s+([0-9]{1,19})\s*")


class RecordIO(Archives):
    """The images in RecordIO files as MXNet's im2rec writes them (.rec), each with one label.

    The files are indexed once, and every image is then read at its position. The .idx file beside a .rec is not needed;
    if there is one on this machine, the records that it lists must be there, since a file that was cut short between
    two records cannot be told from a whole one otherwise. Keys are <file>/<number of the record>, counted from 0 in the
    order of the file.

    Args:
        paths: a file, a pattern such as "train-*.rec", or a list of them; no file twice.
        classes: the names of the classes; None: "0", "1", ... up to the highest label.
        label_index: the place of the class among the labels of records that have several. None: such records are an
            error.
        index_dir: an existing folder for the index files; None: beside each file (if that folder is writable).

    Raises:
        FileNotFoundError: a file that does not exist.
        NotADirectoryError: `index_dir` is not a folder.
        ValueError: a file that is damaged or not of this form, lacks records that its .idx lists, or has a label that
            is not the number of a class.
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
        indices = each_index(files.files, lambda file: _index(file, files.index_dir, label_index))
        notes = merged(index.notes for index in indices)
        remarks = [Remark(f"{files.root!r}: {text}") for text in notes.texts(_FINDINGS)]
        super().__init__(files, indices, classes, remarks=remarks)

    def _image(self, stored: np.ndarray, row: int) -> np.ndarray:
        first = int(self._more[_FIRST][row])
        return joined(stored, first) if first else stored


def _index(file: str, folder: str | None, which: int | None) -> ArchiveIndex:
    # With another .idx file, the comparison is another one.
    layout = Layout(f"recordio {which}, {_idx_state(file)}", _FINDINGS, (_FIRST,))
    return kept_index(file, folder, layout, lambda opened_file: _found(opened_file, which))


def _found(file: Input, which: int | None) -> ArchiveIndex:
    read = Pieces(file, piece=64)
    names, rows, notes = [], [], Notes()
    offsets: list[int] = []
    with named(file, "a RecordIO file"):
        for number, frame in enumerate(frames(read)):
            row = image_and_label(read, frame, which)
            offsets.append(frame.offset)
            if row[1]:
                names.append(str(number))
                rows.append(row)
            else:
                notes.add("empty", str(number))
    _compare_with_idx(file.path, offsets, notes)
    return ArchiveIndex.of(names, rows, file.state, notes, (_FIRST,))


def _idx_file(file: str) -> str | None:
    """The .idx file beside a .rec; None if there is none on this machine."""
    path = os.path.splitext(file)[0] + ".idx"
    return path if os.path.isfile(path) else None


def _idx_state(file: str) -> str:
    path = _idx_file(file)
    if path is None:
        return "no idx"
    with opened(path) as idx:
        return f"idx {idx.origin()}"


def _compare_with_idx(file: str, offsets: list[int], notes: Notes) -> None:
    """ValueError if the .idx file beside a .rec lists records that are not there; others are noted."""
    path = _idx_file(file)
    if path is None:
        return
    listed: set[int] = set()
    for number, line in enumerate(text_lines(path), start=1):
        if found := _IDX_LINE.fullmatch(line):
            listed.add(int(found[1]))
        elif line.strip():
            raise ValueError(
                f"{path}, line {number}: expected a number, a tab and an offset, got {reprlib.repr(line)}; "
                "without this file, the images are read all the same"
            )
    missing = listed.difference(offsets)
    if missing:
        raise ValueError(
            f"{path!r} lists {len(missing)} records that are not in {file!r}, such as one at offset {min(missing)}: "
            "was the .rec cut short? If the .idx is of another file, remove it; it is not needed"
        )
    for offset in offsets:
        if offset not in listed:
            notes.add("unlisted", str(offset))
