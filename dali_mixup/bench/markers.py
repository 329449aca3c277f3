"""The part of a page that a script writes, between two lines that mark it."""

from __future__ import annotations

from pathlib import Path


def replaced(text: str, begin: str, end: str, inside: str) -> str:
    """The text with the part between the markers replaced; ValueError unless there is exactly one pair of them."""
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"expected one line {begin} and after it one line {end}")
    before, after = text.split(begin)[0], text.split(end)[1]
    return f"{before}{begin}\n\n{inside}\n\n{end}{after}"


def up_to_date(page: Path, begin: str, end: str, inside: str, *, check: bool = False) -> bool:
    """Write the part between the markers of a page; with `check` only compare it. Returns whether it is as given."""
    text = page.read_text()
    new = replaced(text, begin, end, inside)
    if not check:
        page.write_text(new)
    return not check or new == text
