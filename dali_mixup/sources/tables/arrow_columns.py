"""Data frames, which Arrow reads: pandas, polars, pyarrow and others with Arrow's interface for them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.classes import ClassMap, few
from dali_mixup.sources.tables.arrow_types import arrow_table, coded, holds, joined_column, plain
from dali_mixup.sources.tables.columns import Columns, Holds, place_of
from dali_mixup.sources.tables.declared import class_names, declared_orders, named, places
from dali_mixup.sources.tables.labels import Labelled, of_coded, of_numbers
from dali_mixup.sources.tables.packed_paths import PackedPaths, packed_paths


def is_frame(data: Any) -> bool:
    """True if an object is a table for Arrow: it has columns and Arrow's interface, or is a DataFrame of pandas."""
    kind = type(data)  # of an object, polars would have to work out the columns
    columns = hasattr(kind, "columns") or hasattr(kind, "column_names")
    return columns and (hasattr(kind, "__arrow_c_stream__") or kind.__module__.partition(".")[0] == "pandas")


class ArrowColumns(Columns):
    """A data frame, or several parts of one.

    Args:
        parts: the parts, in their order; all have the columns of the first.
        names: the name of each, for messages.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: Arrow cannot hold the frame.
    """

    def __init__(self, parts: Sequence[Any], names: Sequence[str]) -> None:
        self._tables, self._names, self.where = [*map(arrow_table, parts, names)], names, names[0]
        self._classes = [class_names(table.schema, at) for table, at in zip(self._tables, names, strict=True)]
        self._starts = np.cumsum([0, *(table.num_rows for table in self._tables)])
        self.holds = held_in(self._tables[0].schema, self.where)

    @classmethod
    def of(cls, frame: Any, where: str | None = None) -> ArrowColumns:
        """The columns of one data frame."""
        return cls([frame], [where or f"the {type(frame).__name__}"])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def at(self, row: int) -> str:
        part, inside = place_of(row, self._starts)
        return f"{self._names[part]}, row {inside}"

    def texts(self, name: str) -> list[str]:
        column = self._filled(name, self._parts(name))
        texts = column.to_pylist()
        return texts if holds(column.type) is Holds.TEXT else list(map(str, texts))

    def packed(self, name: str) -> PackedPaths | None:
        column = self._filled(name, self._parts(name))
        return packed_paths(column) if holds(column.type) is Holds.TEXT else None

    def labels(self, name: str, known: ClassMap | None) -> Labelled:
        parts = self._parts(name)
        column = self._filled(name, parts)
        if holds(column.type) is Holds.NUMBERS:
            return of_numbers(column.to_numpy(), known, self.at)
        if holds(column.type) is not Holds.TEXT:
            raise ValueError(
                f"{self.where}: the column {name!r} holds {column.type}, expected numbers or class names"
            )
        order = self._declared_order(name, parts, known)
        if order is not None:
            return Labelled(np.concatenate([*map(places, parts)]), order)
        return of_coded(*coded(column), known, self.at)

    def images(self, name: str) -> Callable[[list[int]], Sequence[Any]]:
        parts = [table[name] for table in self._tables]
        refuse_no_images([part.type for part in parts], self._names, name)
        starts = self._starts

        def read(rows: list[int]) -> list[Any]:
            return [parts[part][inside].as_py() for part, inside in (place_of(row, starts) for row in rows)]

        return read

    def _parts(self, name: str) -> list[Any]:
        """The parts of a column, each as it is stored; numbers that stand for declared classes as these classes."""
        return [self._part(number, name) for number in range(len(self._tables))]

    def _part(self, number: int, name: str) -> Any:
        column, names = self._tables[number][name], self._classes[number].get(name)
        if names is None:
            return column
        return named(column, names, lambda row: f"{self._names[number]}, row {row}")

    def _filled(self, name: str, parts: Sequence[Any]) -> Any:
        """The parts of a column as one, of one type, without a dictionary and without missing values."""
        column = plain(joined_column(parts, self._names, name))
        if column.null_count:
            row = int(np.argmax(column.is_null().to_numpy()))
            raise ValueError(f"{self.at(row)}: the column {name!r} has no value")
        return column

    def _declared_order(
        self, name: str, parts: Sequence[Any], known: ClassMap | None
    ) -> tuple[str, ...] | None:
        """The order of classes that is declared; None if there is none. Others, such as polars' categories, are in the
        order in which rows had them, which differs between parts of a table, as do declarations of parts: then `known`
        must say it."""
        orders = [
            (at, order)
            for at, table, part in zip(self._names, self._tables, parts, strict=True)
            for order in declared_orders(table, name, part)
        ]
        first, order = orders[0]
        odd = next(((at, other) for at, other in orders if other != order), None)
        if odd is None:
            return order
        if known is not None:
            return None
        raise ValueError(
            f"{odd[0]}: the column {name!r} declares {_declared(odd[1])}, but in {first} {_declared(order)}, so that "
            "the labels of the classes are not clear; state them with classes=[...]"
        )


class ColumnByColumn(Columns):
    """A table of which Arrow reads only the columns that are asked for."""

    @abstractmethod
    def _column(self, name: str) -> ArrowColumns:
        """The column alone."""

    def texts(self, name: str) -> list[str]:
        return self._column(name).texts(name)

    def packed(self, name: str) -> PackedPaths | None:
        return self._column(name).packed(name)

    def labels(self, name: str, known: ClassMap | None) -> Labelled:
        return self._column(name).labels(name, known)


def held_in(schema: Any, where: str) -> dict[str, Holds]:
    """What the columns of an Arrow table hold; ValueError for damaged metadata."""
    classes = class_names(schema, where)
    return {field.name: Holds.CLASSES if field.name in classes else holds(field.type) for field in schema}


def refuse_no_images(kinds: Sequence[Any], names: Sequence[str], name: str) -> None:
    """ValueError for a part of a column of images that holds something else, such as paths; structs of `datasets` may
    come beside bytes.

    Args:
        kinds: the Arrow type of each part.
        names: of the parts, for messages.
        name: of the column.
    """
    for at, kind in zip(names, kinds, strict=True):
        if holds(kind) not in (Holds.IMAGES, Holds.BYTES):
            raise ValueError(
                f"{at}: the column {name!r} holds {kind}, but in {names[0]} {kinds[0]}; write the files with one type"
            )


def _declared(order: tuple[str, ...] | None) -> str:
    return "no classes" if order is None else f"the classes {few(order)}"
