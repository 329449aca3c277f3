"""CSV files with a header."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dali_mixup.sources.classes import ClassMap
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS
from dali_mixup.sources.listed.lines import text_lines
from dali_mixup.sources.paths import existing_file
from dali_mixup.sources.tables.columns import Columns, Holds
from dali_mixup.sources.tables.labels import Labelled, of_texts

_SEPARATORS = ",;\t|"


class CsvColumns(Columns):
    """A CSV file: UTF-8, a header, quotes as in RFC 4180; separated by commas, semicolons, tabs or bars.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it has no header, or a row with another number of cells.
    """

    def __init__(self, path: str) -> None:
        file = existing_file(path)
        self.where, self.folder = file, os.path.dirname(file).rstrip("/")
        rows = _rows(file)
        header = [name.strip() for name in next(rows, (0, []))[1]]
        _check_header(header, file)
        self._cells: dict[str, list[str]] = {name: [] for name in header}
        self._lines: list[int] = []
        append = [cells.append for cells in self._cells.values()]
        for line, row in rows:
            if len(row) != len(header):
                raise ValueError(
                    f"{file}, line {line}: expected {len(header)} cells {header}, got {len(row)}: {row}"
                )
            self._lines.append(line)
            for add, cell in zip(append, row, strict=True):
                add(cell)
        self.holds = dict.fromkeys(header, Holds.TEXT)

    def __len__(self) -> int:
        return len(self._lines)

    def texts(self, name: str) -> list[str]:
        return self._filled(name, self._cells[name])

    def labels(self, name: str, known: ClassMap | None) -> Labelled:
        return of_texts(self._filled(name, [cell.strip() for cell in self._cells[name]]), known, self.where)

    def _filled(self, name: str, cells: list[str]) -> list[str]:
        if not all(cells):
            raise ValueError(
                f"{self.where}, line {self._lines[cells.index('')]}: the column {name!r} is empty"
            )
        return cells

    def images(self, name: str) -> Callable[[list[int]], Sequence[Any]]:
        raise AssertionError("a CSV file holds no images")


def _rows(file: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every line that is not blank; the line where a row ends."""
    lines = (f"{line}\n" for line in text_lines(file))
    first = next(lines, "")
    separator = max(_SEPARATORS, key=first.count)  # of equally many, the first
    reader = csv.reader(_chained(first, lines), delimiter=separator, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(f"{file}, line {reader.line_num}: cannot be read as CSV: {error}") from None


def _chained(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _check_header(header: list[str], file: str) -> None:
    if not header:
        raise ValueError(f"{file} is empty; expected a CSV file with a header")
    if any(name.lower().endswith(IMAGE_EXTENSIONS) for name in header):
        raise ValueError(
            f"{file}, line 1: expected a header such as path,label, got {header}; a list of `path label` lines without "
            "one is a .txt or .tsv file"
        )
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{file}, line 1: the column {twice!r} comes twice")
