"""Images in zip files, with random access: in class folders, or with a list of labels as Swin Transformer has it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence

import numpy as np

from dali_mixup._repr import printable
from dali_mixup.sources.archives.base import ArchivePaths, Archives
from dali_mixup.sources.archives.naming_errors import named
from dali_mixup.sources.archives.notes import merged
from dali_mixup.sources.archives.pieces import Pieces
from dali_mixup.sources.archives.zip_directory import content, members
from dali_mixup.sources.archives.zip_images import (
    COLUMNS,
    FINDINGS,
    Contents,
    by_folder,
    by_list,
    contents,
    index,
    plain,
)
from dali_mixup.sources.classes import ClassMap, few
from dali_mixup.sources.inputs import opened
from dali_mixup.sources.listed.lists import read_list
from dali_mixup.sources.paths import home_expanded
from dali_mixup.sources.remarks import Remark
from dali_mixup.sources.strays import class_remarks, file_remarks

log = logging.getLogger("dali_mixup")

_MAP_ENDING = "_map.txt"
"""Beside train.zip, Swin Transformer's scripts expect train_map.txt."""


class ZipArchives(Archives):
    """The images in zip files, stored or deflated, each read at its position.

    Labels are those of class folders, <folder>/<class>/.../<image>, with the classes, labels and order of torchvision's
    ImageFolder; or those of a list of `path label` lines. The checksum of every image is compared when it is read. Keys
    are <zip>/<path in it>.

    Args:
        paths: a file, a pattern such as "train-*.zip", or a list of them; no file twice. Class folders of one name are
            one class.
        labels: a list of `path label` lines. None: <name>_map.txt beside <name>.zip if every zip has one on this
            machine, which is logged; else class folders.
        folder: the folder in the zip files that holds the class folders, or that the paths of the list are below.
        classes: the labels of class names, if a list holds names instead of numbers.

    Raises:
        FileNotFoundError: a file that does not exist.
        ValueError: a file that is damaged or not a zip; an image that is encrypted, compressed in another way, stored
            twice, larger than an image may be, or has an absolute path or one with `..`; an image of the list that no
            zip holds; no class folder.
    """

    def __init__(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        labels: str | os.PathLike[str] | None = None,
        folder: str = "",
        classes: ClassMap | None = None,
    ) -> None:
        if not isinstance(folder, str):
            raise TypeError(f"ZipArchives: folder={folder!r}, expected the path of a folder in the zip files")
        inside = f"{plain(folder).strip('/')}/".lstrip("/")
        archives = ArchivePaths.of(paths)
        where = (
            f"{archives.files[0] if len(archives.keys) == 1 else archives.root + '*.zip'}/{inside}".rstrip(
                "/"
            )
        )
        found, states = zip(*(_contents(file, inside) for file in archives.files), strict=True)
        lists = _lists(archives.files, labels)
        if lists:
            names, tables = None, [_table(file, classes) for file in lists]
            chosen = [by_list(one, table) for one, table in zip(found, tables, strict=True)]
            _check_all_found(tables, chosen, archives.files, lists)
        else:
            names = sorted({name for one in found for name in one.folders})
            chosen = [by_folder(one, names) for one in found]
            _check_folders(names, found, chosen, where, allow_empty=classes is not None)
        indices = []
        for file, one, state, labelled in zip(archives.files, found, states, chosen, strict=True):
            with opened(file) as again, named(again, _EXPECTED):
                indices.append(index(one, labelled, state))
        notes = merged(one.notes for one in indices)
        remarks = [Remark(f"{archives.root!r}: {text}") for text in notes.texts(FINDINGS)]
        if names is not None:
            remarks += _folder_remarks(where, inside, names, chosen)
        super().__init__(archives, indices, names, remarks=remarks)

    def _image(self, stored: np.ndarray, row: int) -> np.ndarray:
        stored_size, size, method, crc = (int(self._more[name][row]) for name in COLUMNS)
        return content(stored, stored_size, size, method, crc)


_EXPECTED = "a zip file"


def _contents(path: str, folder: str) -> tuple[Contents, tuple[int, ...]]:
    """What a zip file holds below a folder, and the file's state."""
    with opened(path) as file, named(file, _EXPECTED):
        return contents(members(Pieces(file, piece=1 << 16)), folder), file.state


def _lists(files: Sequence[str], given: str | os.PathLike[str] | None) -> list[str]:
    """The list of labels of every zip file; none: the labels are those of class folders."""
    if given is not None:
        return [home_expanded(given)] * len(files)
    beside = [os.path.splitext(file)[0] + _MAP_ENDING for file in files]
    if not all(os.path.isfile(file) for file in beside):
        return []
    log.info(
        "the labels of %s are those in %s, which is beside it", printable(files[0]), printable(beside[0])
    )
    return beside


def _table(file: str, classes: ClassMap | None) -> dict[str, int]:
    """The label of every path in a list."""
    listed = read_list(file, root="/", classes=classes)
    table = {plain(listed.key(row)): label for row, label in enumerate(listed.labels.tolist())}
    if len(table) < len(listed):
        raise ValueError(f"{file!r} lists {len(listed) - len(table)} paths more than once")
    return table


def _check_all_found(
    tables: Sequence[Mapping[str, int]],
    chosen: Sequence[Mapping[str, int]],
    files: Sequence[str],
    lists: Sequence[str],
) -> None:
    """ValueError for a path of a list that no zip file with this list holds."""
    for file in dict.fromkeys(lists):
        mine = [number for number, other in enumerate(lists) if other == file]
        there = {path for number in mine for path in chosen[number]}
        missing = [path for path in tables[mine[0]] if path not in there]
        if missing:
            raise ValueError(
                f"{len(missing)} of the {len(tables[mine[0]])} images listed in {file!r} are not in "
                f"{files[mine[0]]!r}{' and the others' if len(mine) > 1 else ''}, such as {missing[0]!r}. If they "
                "are in a folder there, give it: ZipArchives(paths, labels=..., folder=...)"
            )


def _check_folders(
    names: Sequence[str],
    found: Sequence[Contents],
    chosen: Sequence[Mapping[str, int]],
    where: str,
    allow_empty: bool,
) -> None:
    """ValueError without class folders, or for one that holds no image and would take a label."""
    if not names:
        nothing = "" if any(one.images for one in found) else " and no images"
        raise ValueError(
            f"{where!r} holds no class folders{nothing}: images are expected at <class>/<image> there; or give the "
            "list of their labels, ZipArchives(paths, labels=...)"
        )
    used = {label for labels in chosen for label in labels.values()}
    empty = [name for label, name in enumerate(names) if label not in used]
    if empty and not allow_empty:
        raise ValueError(
            f"{len(empty)} of {len(names)} class folders of {where!r} hold no image: {few(empty)}. Zip the folder "
            "without them, or name all classes with open_source(..., classes=...) to keep their labels"
        )


def _folder_remarks(
    where: str, inside: str, classes: Sequence[str], chosen: Sequence[Mapping[str, int]]
) -> list[Remark]:
    """Remarks as on an image folder."""
    paths = [path for labels in chosen for path in labels]
    direct = {path.partition("/")[0] for path in paths if path.count("/") == 1}
    below = f"ZipArchives(paths, folder='{inside.replace('{', '{{').replace('}', '}}')}{{folder}}')"
    flat = [name in direct for name in classes]
    return [*class_remarks(where, classes, flat, below), *file_remarks(where, paths)]
