"""Text files read line by line, in bounded memory for any content."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from dali_mixup.sources.remote.local_copy import local_copy

MOST_LETTERS = 1 << 20
"""Characters in one line. A path has at most 4096 bytes; a file with longer lines is not a list of files."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def text_lines(path: str, first: int = MOST_LETTERS, most: int = MOST_LETTERS) -> Iterator[str]:
    """The lines of a UTF-8 file without a byte-order mark and line feeds; bytes that are not UTF-8 survive.

    Args:
        path: the file, or its URL.
        first: maximum number of characters in the first line.
        most: that of all other lines.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is UTF-16, or a line is too long.
    """
    with local_copy(path) as local:
        yield from _local_lines(local, path, first, most)


def _local_lines(local: str, path: str, first: int, most: int) -> Iterator[str]:
    with open(local, "rb") as file:
        if file.read(2) in _UTF16:
            raise ValueError(
                f"{path} is UTF-16, as PowerShell's > writes it; expected UTF-8: save it as UTF-8"
            )
    number, limit, rest = 0, first, ""
    with open(local, encoding="utf-8", errors="surrogateescape", newline="\n") as text:
        # Large pieces, cut here: a file object reads a whole line of any length.
        while piece := text.read(MOST_LETTERS):
            *lines, rest = (rest + piece if number or rest else piece.removeprefix("\ufeff")).split("\n")
            for line in lines:
                number += 1
                if len(line) > limit:
                    raise _too_long(path, number, limit)
                yield line
                limit = most
            if len(rest) > limit:
                raise _too_long(path, number + 1, limit)
    if rest:
        yield rest


def _too_long(path: str, number: int, most: int) -> ValueError:
    return ValueError(f"{path}, line {number}: longer than {most} characters; is this a list of files?")
