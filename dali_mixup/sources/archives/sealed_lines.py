"""Lines of JSON that carry the checksum of their other fields: {"a": 1, "checksum": "..."}.

Whoever changes such a line by hand changes what it says; the checksum tells that from what was written.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

_FIELD = "checksum"


def sealed(fields: dict[str, Any]) -> str:
    """The line of an object, without the line feed."""
    return json.dumps({**fields, _FIELD: _checksum(fields)})


def seal_problem(line: str) -> str | None:
    """What is wrong with the checksum of a line, as one clause; None: nothing, or it is no JSON object at all."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    stated = fields.pop(_FIELD, None)
    if stated is None:
        return "it has no checksum, so its keys, labels and classes cannot be verified: pack the data again"
    return (
        None if stated == _checksum(fields) else "it was changed after it was written: its checksum differs"
    )


def _checksum(fields: dict[str, Any]) -> str:
    """SHA-256 in hexadecimal digits; of the fields in their order, and not of the blanks between them."""
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()
