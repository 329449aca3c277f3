"""The names of the arrays that come with a batch's files. Needs neither DALI nor NumPy."""

from __future__ import annotations

HERE = "here"
"""Name of the array that says which rows a view is made of."""


def named(view: int, name: str) -> str:
    """The name among all views' arrays of one of a view."""
    return f"{view}/{name}"
