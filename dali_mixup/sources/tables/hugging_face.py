"""Hugging Face's `datasets.Dataset`, the folders it is saved in, and its copies of images in Parquet."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from dali_mixup._repr import printable
from dali_mixup.sources.objects.map_style import is_iterable_only
from dali_mixup.sources.tables.arrow_columns import ArrowColumns, ColumnByColumn
from dali_mixup.sources.tables.arrow_types import holds
from dali_mixup.sources.tables.columns import Holds

_log = logging.getLogger("dali_mixup")

_SPLITS = "dataset_dict.json"

# Not "datasets" alone: many projects have a package of this name.
_MODULES = ("datasets.arrow_dataset", "datasets.dataset_dict", "datasets.iterable_dataset")


def is_hugging_face(data: Any) -> bool:
    """True for the objects of `datasets`: those that can be read at random, and the others, which are refused."""
    return any(base.__module__ in _MODULES for base in type(data).__mro__)


class HuggingFaceColumns(ColumnByColumn):
    """A `datasets.Dataset`. Images are taken as they are stored: neither decoded nor transformed.

    Raises:
        TypeError: several splits, or a stream.
    """

    def __init__(self, data: Any, where: str | None = None) -> None:
        kind = type(data).__name__
        if isinstance(data, dict):
            raise TypeError(
                f"data is a {kind}; give one of its splits: "
                + " or ".join(f"data[{split!r}]" for split in data)
            )
        if is_iterable_only(data):
            raise TypeError(
                f"data is a {kind}, a stream without random access; load it with load_dataset(..., streaming=False)"
            )
        self._data = data
        name = getattr(getattr(data, "info", None), "dataset_name", None)
        self.where = where or (f"the {kind} {name}" if name else f"the {kind}")
        if data.format["type"] == "custom":
            _log.warning("%s: its transform is not used: the loader's transform= is", self.where)
        self.holds = {
            name: Holds.CLASSES
            if hasattr(feature, "names")
            else holds(data.features.arrow_schema.field(name).type)
            for name, feature in data.features.items()
        }

    def __len__(self) -> int:
        return len(self._data)

    def images(self, name: str) -> Callable[[list[int]], Sequence[Any]]:
        return stored_images(self._data.select_columns([name]), name)

    def _column(self, name: str) -> ArrowColumns:
        table = self._data.select_columns([name]).with_format("arrow")[:]
        # The object's own features say the classes, whatever its tables had when they were written.
        return ArrowColumns.of(
            table.replace_schema_metadata(self._data.features.arrow_schema.metadata), self.where
        )


def stored_images(data: Any, name: str) -> Callable[[list[int]], Sequence[Any]]:
    """`Columns.images` of a `Dataset`: the images as they are stored."""
    stored = data.with_format("arrow")
    return lambda rows: stored[rows][name].to_pylist()


def saved_dataset(folder: str) -> Any:
    """The `Dataset` in a folder that `save_to_disk` wrote.

    Raises:
        ImportError: `datasets` is not installed.
        ValueError: it has several splits; or `datasets` cannot read it.
    """
    if os.path.isfile(os.path.join(folder, _SPLITS)):
        split = min(entry.name for entry in os.scandir(folder) if entry.is_dir())
        raise ValueError(
            f"{folder!r} has a folder for each split of a DatasetDict; give one of them, such as "
            f"{os.path.join(folder, split)!r}"
        )
    return _read_by(folder, lambda datasets: datasets.load_from_disk(folder))


def converted(paths: Sequence[str], name: str, rows: int, mixed: bool) -> Any:
    """The column of images in Parquet files, as a `Dataset`.

    `datasets` converts it once to Arrow, in its cache, and maps that into memory. The other columns are left out: they
    take space, and parts of a table need not agree on them.

    Args:
        paths: the files.
        name: of the column.
        rows: the number of rows in all files.
        mixed: some files hold structs of `bytes` and `path`, and others bytes, which become structs.

    Raises:
        ImportError: `datasets` is not installed.
        ValueError: it cannot read them.
    """

    def read(datasets: Any) -> Any:
        cache = datasets.config.HF_DATASETS_CACHE
        _log.info("%s: images in Parquet are converted to Arrow once, in %s", printable(paths[0]), cache)
        features = datasets.Features({name: datasets.Image()}) if mixed else None
        files = [*map(glob.escape, paths)]  # it takes patterns
        data = datasets.Dataset.from_parquet(files, features=features, columns=[name])
        if len(data) != rows:  # it knows a file by its path and time
            raise ValueError(f"the copy in {cache} has {len(data)} rows, expected {rows}; delete that copy")
        return data

    return _read_by(paths[0], read)


def _read_by(path: str, read: Callable[[Any], Any]) -> Any:
    """`read(datasets)`, with the name of what cannot be read."""
    try:
        import datasets
    except ImportError as error:
        raise ImportError(
            f'images in {path!r} are read with Hugging Face\'s datasets (pip install "dali-mixup[datasets]")'
        ) from error
    try:
        return read(datasets)
    except Exception as error:  # of Arrow, of `datasets`, of the system
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path!r} cannot be read by Hugging Face's datasets: {reason}") from error


def is_saved(path: str) -> bool:
    """True for a folder that `save_to_disk` wrote: of a `Dataset`, or of a `DatasetDict` with a folder per split."""
    return any(os.path.isfile(os.path.join(path, name)) for name in ("state.json", _SPLITS))
