"""The label in a member of a tar shard."""

from __future__ import annotations

import json
import re

from dali_mixup._repr import quoted
from dali_mixup.sources.classes import few

CLS, JSON = "cls", "json"
MOST = {CLS: 256, JSON: 1 << 24}
"""Bytes of a member, at most: more than a number has, with blanks, and more than anyone's metadata."""


def label_ending(field: str | None) -> str:
    """The ending of the members that hold labels: a field of JSON, or a number."""
    return CLS if field is None else JSON


def most_bytes(field: str | None) -> int:
    """The number of bytes that such a member may have."""
    return MOST[label_ending(field)]


def label_of(content: bytes, field: str | None) -> int:
    """The label in a member's content.

    Args:
        content: all of it.
        field: the field of the JSON object that holds the label; None: the content is the label, in decimal digits.

    Raises:
        ValueError: anything else; the message says what is there and what is expected.
    """
    if field is None:
        if not re.fullmatch(rb"\s*[+-]?[0-9]{1,18}\s*", content):
            raise ValueError(f"{quoted(content)}, expected a number")
        return int(content)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"in a member that cannot be read as JSON: {error}") from None
    if not isinstance(found, dict) or field not in found:
        fields = few(found) if isinstance(found, dict) else "none, since it is no object"
        raise ValueError(f"missing: there is no field {field!r} in the JSON; its fields: {fields}")
    label = found[field]
    if type(label) is not int or not -(10**18) < label < 10**18:
        raise ValueError(f"{label!r} in the field {field!r}, expected a whole number")
    return label
