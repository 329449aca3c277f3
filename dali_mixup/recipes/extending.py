"""One recipe's content laid over another's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MARKS = ("recalled", "unstated")


def over(base: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """`child` laid over `base`.

    Sections are merged key by key, unless `kind` changes; a list or a value replaces the base's. A mark (recalled,
    unstated) follows its value: overriding a key drops the base's marks on it.
    """
    result = _laid_over(base, child)
    for mark in MARKS:
        below, above = base.get(mark, []), child.get(mark, [])
        if isinstance(below, list) and isinstance(above, list):  # what is not will be refused as it is
            kept = [path for path in below if not _replaces(base, child, path)]
            result[mark] = [*kept, *(path for path in above if path not in kept)]
    return result


def _laid_over(base: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in child.items():
        below: Any = result.get(key)
        result[key] = _laid_over(below, value) if _merge(below, value) else value
    return result


def _merge(below: Any, above: Any) -> bool:
    """Are they sections of one kind?"""
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return False
    return "kind" not in above or above["kind"] == below.get("kind")


def _replaces(base: Any, child: Any, path: Any) -> bool:
    """Does the child replace the value of that key? A section of which it gives some keys only keeps the rest."""
    for part in str(path).split("."):
        part, _, _ = part.partition("[")  # lists are replaced as a whole
        if not _merge(base, child):
            return True
        if part not in child:
            return False
        base, child = base.get(part), child[part]
    return not _merge(base, child)
