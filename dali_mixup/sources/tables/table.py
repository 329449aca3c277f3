"""Tables with a column of images and a column of labels: CSV, pandas, polars, Arrow, Hugging Face."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup.sources.base import Source
from dali_mixup.sources.classes import ClassMap
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS
from dali_mixup.sources.files import FileList
from dali_mixup.sources.objects.item_source import ItemSource
from dali_mixup.sources.paths import beside, climbs, folder_prefix, home_expanded
from dali_mixup.sources.remote.urls import is_url
from dali_mixup.sources.tables.arrow_columns import ArrowColumns, is_frame
from dali_mixup.sources.tables.arrow_files import ARROW_SUFFIX, arrow_file_columns
from dali_mixup.sources.tables.columns import Columns, Holds, chosen
from dali_mixup.sources.tables.csv_columns import CsvColumns
from dali_mixup.sources.tables.hugging_face import (
    HuggingFaceColumns,
    is_hugging_face,
    is_saved,
    saved_dataset,
)
from dali_mixup.sources.tables.labels import Labelled
from dali_mixup.sources.tables.parquet_columns import ParquetColumns

_log = logging.getLogger("dali_mixup")

CSV_SUFFIX = ".csv"
TEXT_SUFFIXES = (CSV_SUFFIX, ".tsv", ".txt")
"""Text with a header; without a `Table`, .tsv and .txt are lists, which have none."""
PARQUET_SUFFIX = ".parquet"
TABLE_SUFFIXES = (PARQUET_SUFFIX, ARROW_SUFFIX)
"""Tables that may lie in several files."""


@dataclass(frozen=True)
class Table:
    """A table and the names of its two columns, for `open_source` and the loaders.

    Args:
        data: the path of a CSV file (.csv, .tsv, .txt) with a header, or one or more Parquet or Arrow files; a pandas,
            polars or other data frame that Arrow reads; or a Hugging Face `Dataset`.
        image: the column of the images: paths, encoded images (bytes), or structs of `bytes` and `path`. None: the one
            that is a column of images by its type, or else has a usual name such as "path" or "filename".
        label: the column of the labels: whole numbers or class names. None: chosen likewise.
        suffix: added to every path, such as ".jpg" for a column of names without suffix; "" for files that have none.

    Raises:
        TypeError: columns or a suffix that are not text.
    """

    data: Any
    image: str | None = None
    label: str | None = None
    suffix: str | None = None

    def __post_init__(self) -> None:
        for name in ("image", "label", "suffix"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise TypeError(f"Table: {name} must be text, got {value!r}")


def is_table(data: Any) -> bool:
    """True for a `Table`, and for objects that become one."""
    return isinstance(data, Table) or is_hugging_face(data) or is_frame(data)


def from_table(data: Any, root: str | None, known: ClassMap | None) -> Source:
    """The samples of a table; which columns are taken is logged.

    Args:
        data: a `Table`, or the data of one.
        root: the folder of the paths; None: that of the file they are in, or the current working directory.
        known: the classes that the user states.

    Raises:
        TypeError: data that are no table, or a root for images that are not files.
        ValueError: columns that cannot be told; a row without image or label; a table without rows.
    """
    table = data if isinstance(data, Table) else Table(data)
    columns = _columns(table.data)
    image, label = chosen(columns.holds, table.image, table.label, columns.where)
    _log.info("%s: images from the column %r, labels from the column %r", columns.where, image, label)
    if not len(columns):
        raise ValueError(f"{columns.where} has no rows")
    labels = columns.labels(label, known)
    if columns.holds[image] in (Holds.IMAGES, Holds.BYTES):
        if root is not None or table.suffix is not None:
            raise TypeError(
                f"{columns.where}: the column {image!r} holds the images themselves, which need no root= or suffix="
            )
        return _TableImages(columns, labels, columns.images(image))
    folder = _only_folder(columns.files, root)
    if folder is not None and table.suffix is None:
        packed = columns.packed(image)
        if packed is not None and os.path.splitext(packed.first)[1]:
            shared = folder + packed.common if root is None else folder
            return FileList(packed.below(folder), labels.ids, labels.classes, root=shared)
    paths = _with_suffix(columns.texts(image), table.suffix, f"{columns.where}: the column {image!r}")
    if root is None and columns.files:
        _refuse_climbing(paths, columns.at)
        paths = _beside(columns.files, paths)
    return FileList(paths, labels.ids, labels.classes, root=root)


class _TableImages(ItemSource):
    """The images in a column."""

    def __init__(
        self, columns: Columns, labels: Labelled, read: Callable[[list[int]], Sequence[Any]]
    ) -> None:
        self._read = read
        root = f"{columns.where.replace(' ', '_')}/"
        super().__init__([f"{root}{row}" for row in range(len(columns))], labels.ids, labels.classes, root)

    def images(self, indices: list[int]) -> Sequence[np.ndarray]:
        return [self._encoded(*pair) for pair in zip(indices, self._read(indices), strict=True)]


def _columns(data: Any) -> Columns:
    if is_hugging_face(data):
        return HuggingFaceColumns(data)
    if is_frame(data):
        return ArrowColumns.of(data)
    if not isinstance(data, (str, bytes, os.PathLike, list, tuple)) or not data:
        raise TypeError(
            f"Table: expected a file or files, a data frame or a Hugging Face Dataset, got {type(data).__name__}"
        )
    return _in_files([home_expanded(path) for path in (data if isinstance(data, (list, tuple)) else [data])])


def _in_files(paths: list[str]) -> Columns:
    """The table in a CSV file, in Parquet or Arrow files, or in a folder that `datasets` saved."""
    first, *others = paths
    if not others and first.lower().endswith(TEXT_SUFFIXES):
        return CsvColumns(first)
    if not others and is_saved(first):
        return HuggingFaceColumns(saved_dataset(first), first)
    if all(path.lower().endswith(PARQUET_SUFFIX) for path in paths):
        return ParquetColumns(paths)
    if all(path.lower().endswith(ARROW_SUFFIX) for path in paths):
        return arrow_file_columns(paths)
    raise ValueError(f"Table: {_unknown(paths)}")


def _unknown(paths: Sequence[str]) -> str:
    """Why files are no table."""
    first = paths[0]
    if len(paths) == 1:
        kinds = (*TEXT_SUFFIXES, *TABLE_SUFFIXES)
        return f"expected a {', '.join(kinds[:-1])} or {kinds[-1]} file, or a folder of save_to_disk, got {first!r}"
    odd = next((path for path in paths if not path.lower().endswith(TABLE_SUFFIXES)), None)
    if odd is None:
        odd = next(path for path in paths if path[-4:].lower() != first[-4:].lower())
    beside = "" if odd == first else f" beside {first!r}"
    return (
        f"several files are one table only if all are {PARQUET_SUFFIX} or all are {ARROW_SUFFIX}, got {odd!r}{beside}; "
        "write the rows of all into one file, or each as Parquet"
    )


def _only_folder(files: Sequence[tuple[str, int]], root: str | None) -> str | None:
    """The folder, with a slash at its end, that all relative paths are below; None: there are several, or it is a
    URL."""
    if root is not None:
        return folder_prefix(root)
    folders = {os.path.dirname(file) for file, _ in files} or {os.getcwd()}
    if len(folders) > 1 or any(map(is_url, folders)):
        return None
    return folder_prefix(folders.pop())


def _beside(files: Sequence[tuple[str, int]], paths: list[str]) -> list[str]:
    """The paths of the rows in files: relative ones are below the folder of their file."""
    found: list[str] = []
    start = 0
    for file, rows in files:
        found += beside(file, paths[start : start + rows])
        start += rows
    return found


def _with_suffix(paths: list[str], suffix: str | None, where: str) -> list[str]:
    if suffix is not None:
        return [path + suffix for path in paths]
    # Most tables name files; a single look at the first row decides for them.
    if not os.path.splitext(paths[0])[1] and not any(
        path.lower().endswith(IMAGE_EXTENSIONS) for path in paths
    ):
        raise ValueError(
            f"{where} holds names without a suffix, such as {paths[0]!r}; give Table(..., suffix='.jpg'), or suffix='' "
            "if the files have none"
        )
    return paths


def _refuse_climbing(paths: list[str], at: Callable[[int], str]) -> None:
    for row, path in enumerate(paths):
        if climbs(path) and not path.startswith("/") and not is_url(path):
            raise ValueError(
                f"{at(row)}: expected a path without `..`, got {path!r}; give the folder of the images with "
                "open_source(..., root=...)"
            )
