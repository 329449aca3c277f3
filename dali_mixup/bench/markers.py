"""The part of a page that a script writes, between two lines that mark it."""

from __future__ import annotations


def replaced(text: str, begin: str, end: str, inside: str) -> str:
    """The text with the part between the markers replaced; ValueError unless there is exactly one pair of them."""
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"expected one line {begin} and after it one line {end}")
    before, after = text.split(begin)[0], text.split(end)[1]
    return f"{before}{begin}\n\n{inside}\n\n{end}{after}"
