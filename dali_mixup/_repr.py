"""Short texts for dataclasses: the class and the fields that differ from their defaults."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


def short(thing: Any) -> str:
    """`Schedule(stop=280.0)` instead of all seven fields, nested objects likewise; other objects as in `repr`."""
    if type(thing) in (tuple, list):
        items = ", ".join(short(item) for item in thing)
        return f"[{items}]"
    if isinstance(thing, np.ndarray):
        return f"array of shape {thing.shape}"
    if not dataclasses.is_dataclass(thing) or isinstance(thing, type):
        return repr(thing)
    fields = ((field, getattr(thing, field.name)) for field in dataclasses.fields(thing) if field.repr)
    given = (f"{field.name}={short(value)}" for field, value in fields if not _is_default(value, field))
    return f"{type(thing).__qualname__}({', '.join(given)})"


def _is_default(value: Any, field: dataclasses.Field[Any]) -> bool:
    if isinstance(value, np.ndarray):
        return False
    return type(value) is type(field.default) and bool(value == field.default)


def printable(name: str) -> str:
    """A name unchanged, or escaped and in quotes if it contains line breaks, control characters or bytes that are not
    text."""
    return name if name.isprintable() else repr(name)


def escaped(text: str) -> str:
    """Text of several lines, with other control characters and bytes that are not text escaped as in Python."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def quoted(name: str | bytes, most: int = 200) -> str:
    """A name as `repr` shows it, without its middle if that is longer than `most`: in a damaged file, a name may be any
    bytes."""
    text = repr(name)
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-(most // 2) :]}"
