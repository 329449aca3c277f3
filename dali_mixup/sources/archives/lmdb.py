"""Images in LMDB databases, with random access and without the lmdb package."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias
from urllib.parse import quote_from_bytes

import numpy as np

from dali_mixup._checks import MOST_CLASSES, choice
from dali_mixup._repr import quoted
from dali_mixup.sources.archives.base import ArchivePaths, Archives
from dali_mixup.sources.archives.caffe_datum import ORDERS, datum, pnm
from dali_mixup.sources.archives.index import ArchiveIndex, Layout, each_index, kept_index
from dali_mixup.sources.archives.lmdb_pages import Value, values
from dali_mixup.sources.archives.naming_errors import named
from dali_mixup.sources.archives.notes import Notes
from dali_mixup.sources.archives.pieces import ArchiveError, Pieces
from dali_mixup.sources.inputs import Input, opened
from dali_mixup.sources.names import name_bytes
from dali_mixup.sources.paths import home_expanded
from dali_mixup.sources.patterns import existing_files
from dali_mixup.sources.remarks import Remark
from dali_mixup.sources.remote.urls import is_url

Paths: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"

Labels: TypeAlias = "Mapping[str, int] | Mapping[bytes, int]"

DATA_FILE = "data.mdb"
"""The file in the folder that LMDB calls a database."""

_SIDES = ("channels", "height", "width")
_LAYOUT = Layout("lmdb", {}, ("content", *_SIDES))
_NO_LABEL = -1
_READABLE = " !#$&'()*+,/:;=@[]^{}|"
"""Characters that stay as they are in the names of keys; letters, digits and "_.-~" do so too."""

_SIGNATURES = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n",
    b"RIFF",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"\0\0\0\x0cjP  ",
    b"P5",
    b"P6",
)
"""First bytes of JPEG, PNG, WebP, BMP, TIFF, JPEG 2000, PGM and PPM files."""

_PICKLE_PROTOCOLS = (b"\2", b"\3", b"\4", b"\5")
"""Second bytes of pickles; the first is 0x80."""


class Content:
    """What a value is: numbers of the index, so no enum (see `Form.rows`)."""

    IMAGE = 0
    DATUM = 1
    PIXELS = 2
    PICKLE = 3
    OTHER = 4


class LMDB(Archives):
    """The images in LMDB databases: Caffe's Datum with a label, or image files as values.

    The databases are indexed once, and every image is then read at its position in the file. Keys are
    <file>/<key of the database>, in which bytes other than plain text are written as %XX.

    Args:
        data: a database (its folder, or its file, or the file's URL), a pattern, or a list of them; no file twice. A
            mapping from the name of a class to such databases gives all images of a database that class, as
            torchvision's LSUN does; the classes are in the order of the mapping.
        classes: the names of the classes, where `data` does not name them; None: "0", "1", ... up to the highest label.
        labels: the label of every image, a whole number from 0 on, by its key in the database (text or bytes, not both
            for one key), for values without one. Entries whose keys it lacks are left out. None: the label is in the
            Datum.
        order: of the three channels of Datum messages that hold pixels instead of a file: "BGR", as Caffe's
            convert_imageset writes them, or "RGB", as its CIFAR-10 example does. None: such messages are an error.
        index_dir: an existing folder for the index files; None: beside each file (if that folder is writable).

    Raises:
        FileNotFoundError: a database that does not exist.
        NotADirectoryError: `index_dir` is not a folder.
        ValueError: a database that is damaged, a value that is not an image (such as a pickle, which could run any code
            when read), an image without a label, a key of `labels` that no database has or that it has twice, a label
            outside [0, 10 000 000), or pixels without `order`.
        TypeError: `labels` that is not a mapping, a key of it that is neither str nor bytes, a label that is no whole
            number (a bool is none), or `classes` or `labels` with a mapping as `data`.
    """

    def __init__(
        self,
        data: Paths | Mapping[str, Paths],
        classes: Sequence[str] | None = None,
        *,
        labels: Labels | None = None,
        order: str | None = None,
        index_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        self._order = None if order is None else choice("LMDB", "order", order, ORDERS)
        if isinstance(data, Mapping) and (classes is not None or labels is not None):
            raise TypeError("LMDB: data names the class of every database; give neither classes nor labels")
        by_name = None if labels is None else _by_name(labels)
        groups = list(data.values()) if isinstance(data, Mapping) else [data]
        found = [_data_files(group) for group in groups]
        paths = ArchivePaths.of([file for group in found for file in group], index_dir)
        indices = each_index(paths.files, lambda file: kept_index(file, paths.index_dir, _LAYOUT, _found))
        remarks: list[Remark] = []
        if isinstance(data, Mapping):
            classes = list(data)
            group_of_file = np.repeat(np.arange(len(found)), [len(group) for group in found])
            indices = [
                replace(index, labels=np.full_like(index.labels, group))
                for index, group in zip(indices, group_of_file.tolist(), strict=True)
            ]
        elif by_name is not None:
            _check_present(by_name, indices, paths.root)
            labelled = [_labelled(index, by_name) for index in indices]
            indices = [index for index, _ in labelled]
            remarks = _left_out(paths.root, sum(count for _, count in labelled))
        for file, index in zip(paths.files, indices, strict=True):
            _check(file, index, self._order)
        super().__init__(paths, indices, classes, remarks=remarks)

    def _image(self, stored: np.ndarray, row: int) -> np.ndarray:
        if self._more["content"][row] != Content.PIXELS:
            return stored
        sides = [int(self._more[side][row]) for side in _SIDES]
        return pnm(stored, sides[0], sides[1], sides[2], self._order or ORDERS[0])


def is_lmdb(path: str) -> bool:
    """True for a folder that holds an LMDB database, and for names of its files: *.mdb and *.lmdb."""
    if os.path.isdir(path):
        return os.path.isfile(os.path.join(path, DATA_FILE))
    return path.lower().endswith((".mdb", ".lmdb"))


def _data_files(paths: Paths) -> list[str]:
    several = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else paths
    found = existing_files([home_expanded(path) for path in several])
    files = [os.path.join(path, DATA_FILE) if os.path.isdir(path) else path for path in found]
    missing = next((file for file in files if not is_url(file) and not os.path.exists(file)), None)
    if missing is not None:
        raise FileNotFoundError(
            f"{os.path.dirname(missing)!r} is not an LMDB database: it holds no {DATA_FILE}"
        )
    return files


def _found(file: Input) -> ArchiveIndex:
    names, rows = [], []
    pages, contents = Pieces(file), Pieces(file)
    with named(file, "an LMDB database"):
        for value in values(pages):
            names.append(quote_from_bytes(value.key, safe=_READABLE))
            rows.append(_row(contents, value))
    return ArchiveIndex.of(names, rows, file.state, Notes(), _LAYOUT.more)


def _row(read: Pieces, value: Value) -> tuple[int, ...]:
    """Position, size, label, and the columns that only LMDB has, of a value."""
    start = read(value.start, min(value.start + 16, value.stop))
    whole = (value.start, value.stop - value.start, _NO_LABEL)
    if start.startswith(_SIGNATURES):
        return (*whole, Content.IMAGE, 0, 0, 0)
    if start[:1] == b"\x80" and start[1:2] in _PICKLE_PROTOCOLS:
        return (*whole, Content.PICKLE, 0, 0, 0)
    try:
        found = datum(read, value.start, value.stop)
    except ArchiveError:
        return (*whole, Content.OTHER, 0, 0, 0)
    place = (found.start, found.stop - found.start, found.label)
    if found.encoded:
        return (*place, Content.DATUM, 0, 0, 0)
    return (*place, Content.PIXELS, found.channels, found.height, found.width)


def _by_name(labels: Labels) -> dict[str, int]:
    """The labels by the names that keys have here; TypeError or ValueError for what is no label of a key, and for none
    at all."""
    if not isinstance(labels, Mapping):
        raise TypeError(f"LMDB: labels is a {type(labels).__name__}, expected a mapping from key to label")
    if not labels:
        raise ValueError("LMDB: labels= is an empty mapping; expected the label of every image by its key")
    by_name: dict[str, int] = {}
    for key, label in labels.items():
        if not isinstance(key, (str, bytes)):
            raise TypeError(f"LMDB: labels: a key must be str or bytes, as in the database, got {key!r}")
        if isinstance(label, bool) or not isinstance(label, (int, np.integer)):
            raise TypeError(f"LMDB: labels: the label of {key!r} must be a whole number, got {label!r}")
        if not 0 <= label < MOST_CLASSES:
            raise ValueError(
                f"LMDB: labels: the label of {key!r} must be in [0, {MOST_CLASSES}), got {label}"
            )
        name = quote_from_bytes(key if isinstance(key, bytes) else name_bytes(key), safe=_READABLE)
        if name in by_name:
            raise ValueError(
                f"LMDB: labels= has the key {key!r} twice, as text and as bytes; expected one label per key"
            )
        by_name[name] = int(label)
    return by_name


def _check_present(by_name: Mapping[str, int], indices: Sequence[ArchiveIndex], where: str) -> None:
    """ValueError for a name that is in none of the databases."""
    present = {name for index in indices for name in index.name_texts()}
    absent = [name for name in by_name if name not in present]
    if absent:
        keys = f"Keys are like {quoted(min(present))}" if present else "It holds no keys"
        raise ValueError(
            f"LMDB: {len(absent)} of the {len(by_name)} keys of labels= are not in {where!r}, such as "
            f"{quoted(absent[0])}. {keys}. Were the labels made for other data?"
        )


def _labelled(index: ArchiveIndex, by_name: Mapping[str, int]) -> tuple[ArchiveIndex, int]:
    """The entries that have a label, with it, and the number of those that have none."""
    names = index.name_texts()
    rows = [row for row, name in enumerate(names) if name in by_name]
    ids = np.array([by_name[names[row]] for row in rows], dtype=np.int64)
    return replace(index.take(rows), labels=ids), len(names) - len(rows)


def _left_out(root: str, count: int) -> list[Remark]:
    return [Remark(f"{root!r}: keys that labels= does not have are left out: {count}")] if count else []


def _check(file: str, index: ArchiveIndex, order: str | None) -> None:
    """ValueError for the first entry that cannot be used."""
    content, labels = index.more["content"], index.labels
    coloured = (content == Content.PIXELS) & (index.more["channels"] > 1)
    wrong = (content >= Content.PICKLE) | (labels == _NO_LABEL) | (coloured & (order is None))
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    what = f"the key {quoted(index.name_texts()[row])} of {file!r}"
    if content[row] == Content.PICKLE:
        raise ValueError(
            f"{what} holds a Python pickle, and reading one can run any code. If you trust the file, unpickle it "
            "yourself and write the images as files or tar shards"
        )
    if content[row] == Content.OTHER:
        raise ValueError(f"{what} holds no image: {_why(file, index, row)}")
    if labels[row] == _NO_LABEL:
        raise ValueError(
            f"{what} has no label. Give the label of every key, LMDB(path, labels={{key: label}}), or one database per "
            "class, LMDB({class: path})"
        )
    raise ValueError(
        f"{what} is a Datum of pixels in three channels, whose order the file does not state: give order='BGR', as "
        "Caffe's convert_imageset writes them, or order='RGB'"
    )


def _why(file: str, index: ArchiveIndex, row: int) -> str:
    start, size = int(index.offsets[row]), int(index.sizes[row])
    with opened(file) as again:
        read = Pieces(again)
        try:
            datum(read, start, start + size)
        except ArchiveError as error:
            begin = read(start, start + min(16, size))
            return f"its {size} bytes at offset {start} begin with {begin!r}; {error}"
    return "the file has changed"
