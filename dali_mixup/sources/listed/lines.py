"""Text files read in blocks of whole lines, in bounded memory for any content."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from dali_mixup.sources.remote.local_copy import local_copy

MOST_BYTES = 1 << 20
"""Bytes in one line. A path has at most 4096; a file with longer lines is not a list of files."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def line_blocks(
    local: str, path: str, first: int = MOST_BYTES, most: int = MOST_BYTES
) -> Iterator[tuple[int, bytes]]:
    """A UTF-8 file without a byte-order mark, in blocks of about a megabyte.

    Args:
        local: the file, on this machine.
        path: its name in messages.
        first: maximum number of bytes in the first line.
        most: that of all other lines; both are at least `MOST_BYTES`.

    Yields:
        (number of the block's first line, counted from 1; whole lines, each with a line feed at its end).

    Raises:
        OSError: the file cannot be read.
        ValueError: it is UTF-16, has carriage returns in place of line feeds, or a line is too long.
    """
    number, limit, rest = 1, first, b""
    with open(local, "rb") as file:
        piece = file.read(MOST_BYTES)
        if piece.startswith(_UTF16):
            raise ValueError(
                f"{path} is UTF-16, as PowerShell's > writes it; expected UTF-8: save it as UTF-8"
            )
        if b"\r" in piece.rstrip(b"\r") and b"\n" not in piece:  # it would be a single line
            raise ValueError(
                f"{path} ends its lines with carriage returns alone, as old Macs did; expected line feeds: save it "
                "with Unix or Windows line endings"
            )
        piece = piece.removeprefix(codecs.BOM_UTF8)
        while piece:
            end = piece.rfind(b"\n") + 1
            # A line that lies within one piece is never too long: `most` is at least a piece.
            if len(rest) + (piece.find(b"\n") if end else len(piece)) > limit:
                raise ValueError(
                    f"{path}, line {number}: longer than {limit} bytes; is this a list of files?"
                )
            if end:
                block = rest + piece[:end]
                yield number, block
                number, limit, rest = number + block.count(b"\n"), most, piece[end:]
            else:
                rest += piece
            piece = file.read(MOST_BYTES)
    if rest:
        yield number, rest + b"\n"


def decoded(block: bytes) -> list[str]:
    """The lines of a block, without their line feeds; bytes that are not UTF-8 survive."""
    return block.decode("utf-8", "surrogateescape").split("\n")[:-1]


def text_lines(path: str, first: int = MOST_BYTES, most: int = MOST_BYTES) -> Iterator[str]:
    """The lines of a file, which may be a URL, one by one. Other arguments and errors as in `line_blocks`."""
    with local_copy(path) as local:
        for _, block in line_blocks(local, path, first, most):
            yield from decoded(block)
