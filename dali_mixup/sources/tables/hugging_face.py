"""Hugging Face's `datasets.Dataset`, and the Parquet and Arrow files it is stored in."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from dali_mixup._repr import printable
from dali_mixup.sources.classes import ClassMap
from dali_mixup.sources.objects.map_style import is_iterable_only
from dali_mixup.sources.tables.arrow_columns import ArrowColumns
from dali_mixup.sources.tables.arrow_types import holds
from dali_mixup.sources.tables.columns import Columns, Holds
from dali_mixup.sources.tables.labels import Labelled

_log = logging.getLogger("dali_mixup")

ARROW_SUFFIX = ".arrow"
_SPLITS = "dataset_dict.json"

# Not "datasets" alone: many projects have a package of this name.
_MODULES = ("datasets.arrow_dataset", "datasets.dataset_dict", "datasets.iterable_dataset")


def is_hugging_face(data: Any) -> bool:
    """True for the objects of `datasets`: those that can be read at random, and the others, which are refused."""
    return any(base.__module__ in _MODULES for base in type(data).__mro__)


class HuggingFaceColumns(Columns):
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

    def texts(self, name: str) -> list[str]:
        return self._column(name).texts(name)

    def labels(self, name: str, known: ClassMap | None) -> Labelled:
        found = self._column(name).labels(name, known)
        names = getattr(self._data.features[name], "names", None)
        return found if names is None else Labelled(found.ids, tuple(names))

    def images(self, name: str) -> Callable[[list[int]], Sequence[Any]]:
        stored = self._arrow([name])
        return lambda rows: stored[rows][name].to_pylist()

    def _arrow(self, names: list[str]) -> Any:
        return self._data.select_columns(names).with_format("arrow")

    def _column(self, name: str) -> ArrowColumns:
        return ArrowColumns.of(self._arrow([name])[:], self.where)


def stored_dataset(paths: Sequence[str]) -> Any:
    """The `Dataset` in Parquet files, in Arrow files, or in a folder that `save_to_disk` wrote.

    Parquet is compressed in groups of rows, so that one image costs a group; `datasets` converts it once to Arrow, in
    its cache, and maps that into memory.

    Raises:
        ImportError: `datasets` is not installed.
        ValueError: it cannot read them.
    """
    if os.path.isfile(os.path.join(paths[0], _SPLITS)):
        split = min(entry.name for entry in os.scandir(paths[0]) if entry.is_dir())
        raise ValueError(
            f"{paths[0]!r} has a folder for each split of a DatasetDict; give one of them, such as "
            f"{os.path.join(paths[0], split)!r}"
        )
    try:
        import datasets
    except ImportError as error:
        raise ImportError(
            f'images in {paths[0]!r} are read with Hugging Face\'s datasets (pip install "dali-mixup[datasets]")'
        ) from error
    try:
        if os.path.isdir(paths[0]):
            return datasets.load_from_disk(paths[0])
        if paths[0].lower().endswith(ARROW_SUFFIX):
            return datasets.concatenate_datasets([datasets.Dataset.from_file(path) for path in paths])
        _log.info(
            "%s: images in Parquet are converted to Arrow once, in %s",
            printable(paths[0]),
            datasets.config.HF_DATASETS_CACHE,
        )
        return datasets.Dataset.from_parquet(list(paths))
    except Exception as error:  # of Arrow, of `datasets`, of the system
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{paths[0]!r} cannot be read by Hugging Face's datasets: {reason}") from error


def is_saved(path: str) -> bool:
    """True for a folder that `save_to_disk` wrote: of a `Dataset`, or of a `DatasetDict` with a folder per split."""
    return any(os.path.isfile(os.path.join(path, name)) for name in ("state.json", _SPLITS))
