"""Hugging Face's `datasets.Dataset`, and the Parquet and Arrow files it is stored in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from dali_mixup.sources.arrow_columns import ArrowColumns, holds
from dali_mixup.sources.classes import ClassMap
from dali_mixup.sources.map_style import is_iterable_only
from dali_mixup.sources.table_columns import Columns, Holds
from dali_mixup.sources.table_labels import Labelled

_log = logging.getLogger("dali_mixup")

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

    def __init__(self, data: Any) -> None:
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
        self.where = f"the {kind} {name}" if name else f"the {kind}"
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
        return ArrowColumns(self._arrow([name])[:], self.where)
