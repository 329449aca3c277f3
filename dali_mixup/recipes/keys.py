"""The keys of a recipe with their values, as a file would write them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from dali_mixup.augment.view import View
from dali_mixup.recipes.alternatives import tag_of


def flat(section: Any) -> dict[str, Any]:
    """Every key that holds a value, as {"transform.scale": [0.08, 1.0], ...}, defaults included."""
    return {
        key: written(value)
        for key, value in _walk(section, "")
        if not (_is_section(value) or _is_views(value))
    }


def key_paths(section: Any) -> Iterator[str]:
    """Every key of a section and of the sections in it, as "transform", "transform.scale" and "views[0].count"."""
    return (key for key, _ in _walk(section, ""))


def _walk(section: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    section = getattr(section, "resolved", section)  # defaults as the numbers they stand for
    for name, value in _items(section):
        yield f"{prefix}{name}", value
        if _is_section(value):
            yield from _walk(value, f"{prefix}{name}.")
        elif _is_views(value):
            for i, view in enumerate(value):
                yield from _walk(view, f"{prefix}{name}[{i}].")


def fields_in_file(thing: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a dataclass or of an object of one, without those that no file can hold."""
    return [field for field in dataclasses.fields(thing) if field.metadata.get("in_file", True)]


def _items(section: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(section, BaseModel):
        for name, field in type(section).model_fields.items():
            yield field.alias or name, getattr(section, name)
    else:
        if (tag := tag_of(type(section))) is not None:
            yield tag
        for member in fields_in_file(section):
            yield member.name, getattr(section, member.name)


def _is_section(value: Any) -> bool:
    return isinstance(value, BaseModel) or (dataclasses.is_dataclass(value) and not isinstance(value, type))


def _is_views(value: Any) -> bool:
    """A list of views has sections inside; other lists are short and are one value."""
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], View)


def written(value: Any) -> Any:
    """A value as YAML has it: lists and mappings."""
    if isinstance(value, tuple | list):
        return [written(item) for item in value]
    if _is_section(value):
        return {name: written(inner) for name, inner in _items(value) if inner is not None}
    return value
