"""What objects of others say about their classes: torchvision's attributes `class_to_idx` and `classes`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dali_mixup._checks import members


def class_attribute(data: Any) -> Any:
    """An object's `class_to_idx` or `classes`, as it is; None if it has neither, or both are empty.

    A mapping comes first: it also tells which names share a label. But a name that several classes have, as
    torchvision's ImageNet has two "crane", has one label in it, and the other class would be without a name.
    """
    mapping, names = getattr(data, "class_to_idx", None), getattr(data, "classes", None)
    if isinstance(mapping, Mapping) and mapping and not _is_collapsed(mapping, names):
        return mapping
    found = members(names)
    return names if found is None else found or None


def class_names(data: Any) -> Any:
    """The same, but None for what holds no names: numbers are names already, and other objects something else."""
    given = class_attribute(data)
    if isinstance(given, Mapping):
        return given or None
    numbered = isinstance(given, list) and all(isinstance(name, int) for name in given)
    return given if isinstance(given, list) and not numbered else None


def _is_collapsed(mapping: Mapping[Any, Any], names: Any) -> bool:
    """Whether a mapping was made of these names, and some of them have several positions."""
    places: dict[Any, set[int]] = {}
    for place, name in enumerate(members(names) or ()):
        for synonym in name if isinstance(name, tuple) else (name,):
            places.setdefault(synonym, set()).add(place)
    return (
        any(len(found) > 1 for found in places.values())
        and places.keys() == mapping.keys()
        and all(mapping[name] in found for name, found in places.items())
    )
