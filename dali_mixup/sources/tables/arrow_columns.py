"""Data frames, which Arrow reads: pandas, polars, pyarrow and others with Arrow's interface for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dali_mixup.sources.classes import ClassMap, few
from dali_mixup.sources.tables.arrow_types import arrow_table, declared_orders, holds, joined_column, plain
from dali_mixup.sources.tables.columns import Columns, Holds
from dali_mixup.sources.tables.labels import Labelled, of_numbers, of_texts


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
        self._starts = np.cumsum([0, *(table.num_rows for table in self._tables)])
        self.holds = {field.name: holds(field.type) for field in self._tables[0].schema}

    @classmethod
    def of(cls, frame: Any, where: str | None = None) -> ArrowColumns:
        """The columns of one data frame."""
        return cls([frame], [where or f"the {type(frame).__name__}"])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def at(self, row: int) -> str:
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        return f"{self._names[part]}, row {row - self._starts[part]}"

    def texts(self, name: str) -> list[str]:
        return [str(value) for value in self._filled(name).to_pylist()]

    def labels(self, name: str, known: ClassMap | None) -> Labelled:
        column = self._filled(name)
        if self.holds[name] in (Holds.CLASSES, Holds.TEXT):
            order = self._declared_order(name, known)
            if order is None:
                return of_texts(column.to_pylist(), known, self.at)
            table = {text: number for number, text in enumerate(order)}
            return Labelled(np.array([table[text] for text in column.to_pylist()], np.int64), order)
        if self.holds[name] is Holds.NUMBERS:
            return of_numbers(column.to_numpy(), known, self.at)
        raise ValueError(
            f"{self.where}: the column {name!r} holds {column.type}, expected numbers or class names"
        )

    def images(self, name: str) -> Callable[[list[int]], Sequence[Any]]:
        column = self._column(name)
        return lambda rows: [column[row].as_py() for row in rows]

    def _column(self, name: str) -> Any:
        """A column of all parts, as one type."""
        return joined_column([table[name] for table in self._tables], self._names, name)

    def _filled(self, name: str) -> Any:
        """A column without missing values."""
        column = plain(self._column(name))
        if column.null_count:
            row = int(np.argmax(column.is_null().to_numpy()))
            raise ValueError(f"{self.at(row)}: the column {name!r} has no value")
        return column

    def _declared_order(self, name: str, known: ClassMap | None) -> tuple[str, ...] | None:
        """The order of classes that is declared, as pandas' categories and polars' enumerations are; None if there is
        none. Others, such as polars' categories, are in the order in which rows had them, which differs between parts
        of a table, as do declarations of parts: then `known` must say it."""
        orders = [
            (at, order)
            for at, table in zip(self._names, self._tables, strict=True)
            for order in declared_orders(table, name)
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


def _declared(order: tuple[str, ...] | None) -> str:
    return "no classes" if order is None else f"the classes {few(order)}"
