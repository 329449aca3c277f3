"""The keys that a section of a recipe has, found by the path at which pydantic reports a fault."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag


def keys_at(annotation: Any, path: Sequence[str | int]) -> list[str]:
    """The keys of the section at `path` inside what `annotation` reads."""
    return list(_fields(_section_at(annotation, path)))


def is_only_in_python(annotation: Any, path: Sequence[str | int]) -> bool:
    """True if `path` ends with the name of an option that its section cannot hold."""
    return path[-1] in _section_at(annotation, path[:-1]).only_in_python


def _section_at(annotation: Any, path: Sequence[str | int]) -> Any:
    for part in path:
        annotation = _step(_read(annotation), part)
    return _read(annotation)


def _step(annotation: Any, part: str | int) -> Any:
    """One part of a path further: a key, the position in a list, or the tag of an alternative."""
    if get_origin(annotation) is tuple:
        return get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return next(member for member in get_args(annotation) if Tag(str(part)) in get_args(member)[1:])
    return _fields(annotation)[str(part)]


def _read(annotation: Any) -> Any:
    """The annotation without wrappings that are not part of a path."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        for mark in marks:
            if hasattr(mark, "translated"):
                return _read(mark.translated(inner))
        return _read(inner)
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not types.NoneType]
        return _read(members[0]) if len(members) == 1 else annotation
    return annotation


def _fields(section: type[BaseModel]) -> dict[str, Any]:
    """Key in the file -> what is read there."""
    found = {}
    for name, field in section.model_fields.items():
        marks = tuple(field.metadata)
        found[field.alias or name] = Annotated[(field.annotation, *marks)] if marks else field.annotation
    return found
