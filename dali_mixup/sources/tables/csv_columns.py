"""CSV files with a header."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from dali_mixup.sources.classes import ClassMap
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS
from dali_mixup.sources.listed.lines import text_lines
from dali_mixup.sources.paths import existing_file
from dali_mixup.sources.tables.columns import Columns, Holds
from dali_mixup.sources.tables.labels import Labelled, of_texts

_SEPARATORS = ",;\t|"


class CsvColumns(Columns):
    """A CSV file: UTF-8, a header, quotes as in RFC 4180; separated by commas, semicolons, tabs or bars, or by what
    a line such as `sep=;` before the header says.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it has no header, or a row with another number of cells.
    """

    def __init__(self, path: str) -> None:
        file = existing_file(path)
        self.where = file
        rows = _rows(file)
        line, cells = next(rows, (1, []))
        header = [name.strip() for name in cells]
        _check_header(header, file, line)
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
        self.files = [(file, len(self._lines))]

    def __len__(self) -> int:
        return len(self._lines)

    def at(self, row: int) -> str:
        return f"{self.where}, line {self._lines[row]}"

    def texts(self, name: str) -> list[str]:
        return self._filled(name, self._cells[name])

    def labels(self, name: str, known: ClassMap | None) -> Labelled:
        return of_texts(self._filled(name, [cell.strip() for cell in self._cells[name]]), known, self.at)

    def _filled(self, name: str, cells: list[str]) -> list[str]:
        if not all(cells):
            raise ValueError(f"{self.at(cells.index(''))}: the column {name!r} is empty")
        return cells

    def images(self, name: str) -> Callable[[list[int]], Sequence[Any]]:
        raise AssertionError("a CSV file holds no images")


def _rows(file: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every line that is not blank; the line where a row ends."""
    lines = (f"{line}\n" for line in text_lines(file))
    before, separator, header = _beginning(lines)
    reader = csv.reader(chain(before, [header], lines), delimiter=separator, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(f"{file}, line {reader.line_num}: cannot be read as CSV: {error}") from None


def _beginning(lines: Iterator[str]) -> tuple[list[str], str, str]:
    """Blank lines in place of those before the header, the separator, and the header's line."""
    before: list[str] = []
    stated = ""
    for line in lines:
        separator = re.fullmatch(r"sep=(.)", line.rstrip("\r\n"), re.IGNORECASE)  # as Excel writes it
        if separator and not stated:
            stated = separator[1]
        elif line.strip():
            return before, stated or max(_SEPARATORS, key=line.count), line  # of equally many, the first
        before.append("\n")
    return before, _SEPARATORS[0], ""


def _check_header(header: list[str], file: str, line: int) -> None:
    if not header:
        raise ValueError(f"{file} is empty; expected a CSV file with a header")
    if any(name.lower().endswith(IMAGE_EXTENSIONS) for name in header):
        raise ValueError(
            f"{file}, line {line}: expected a header such as path,label, got {header}; a list of `path label` lines "
            "without one is a .txt or .tsv file"
        )
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{file}, line {line}: the column {twice!r} comes twice")
