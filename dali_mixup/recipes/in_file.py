"""The library's dataclasses as parts of a recipe file. Their fields are the keys; their types, defaults and checks are
the only ones there are, so an option that is added to a dataclass can be set from a recipe at once.

    {image_size: 224, hflip: 0.5}  ──▶  TrainTransform(image_size=224, hflip=0.5)
    {method: mixup, alpha: 0.8}    ──▶  MixUp(alpha=0.8)    where there are alternatives, one key says which
    {kind: repeated, times: 3}     ──▶  Repeated(times=3)
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import operator
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import AfterValidator, Discriminator, Field, GetCoreSchemaHandler, Tag, create_model
from pydantic_core import CoreSchema

from dali_mixup.recipes.alternatives import ALTERNATIVES, tag_of
from dali_mixup.recipes.docstrings import arguments, summary
from dali_mixup.recipes.keys import fields_in_file
from dali_mixup.recipes.section import Section

_PLAIN = {bool: "true or false", int: "an integer", float: "a number", str: "a text"}

# Of a value as JSON has it; True is an int too, so it comes first.
_FORMS = ((bool, "truth"), (int | float, "number"), (str, "text"), (list, "list"), (dict, "mapping"))

# Members of a union that a file cannot hold.
_ONLY_IN_PYTHON = (collections.abc.Callable, np.ndarray)


class InFile:
    """Marks the type of a recipe's field as one of the library's: `Annotated[TrainTransform, InFile()]`."""

    def translated(self, annotation: Any) -> Any:
        """The annotation that pydantic reads instead."""
        return in_file(annotation)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(self.translated(source))


def in_file(annotation: Any) -> Any:
    """The annotation that pydantic reads for one of the library.

    Raises:
        TypeError: an annotation that this cannot express.
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN or origin is Literal:
        return annotation
    if origin in (tuple, collections.abc.Sequence):
        any_length = origin is not tuple or inner[-1] is Ellipsis
        items = (in_file(inner[0]), ...) if any_length else tuple(in_file(item) for item in inner)
        return types.GenericAlias(tuple, items)
    if origin in (Union, types.UnionType):
        return _union(inner)
    if annotation in ALTERNATIVES:
        return _alternatives(ALTERNATIVES[annotation])
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return _made(annotation)
    raise TypeError(f"{annotation!r} cannot be written in a recipe")


def _union(members: tuple[Any, ...]) -> Any:
    """One of several forms, told apart by what stands in the file, so that only the form that is meant is checked."""
    forms: dict[str, list[Any]] = {}
    for member in members:
        if member is not types.NoneType and (get_origin(member) or member) not in _ONLY_IN_PYTHON:
            forms.setdefault(_form(member), []).append(member)
    read = {
        form: in_file(found[0]) if len(found) == 1 else _alternatives(tuple(found))
        for form, found in forms.items()
    }
    if len(read) > 1:
        expected = " or ".join(dict.fromkeys(_label(member) for found in forms.values() for member in found))
        one = _told_apart(read, _form_of_value, "form", f"expected {expected}")
    else:
        (one,) = read.values()
    return one | None if types.NoneType in members else one


def _alternatives(classes: tuple[type, ...]) -> Any:
    """One of several classes, of which one key says which; at most one has no name, and stands without that key."""
    members = [member for cls in classes for member in ALTERNATIVES.get(cls, (cls,))]
    tags = [tag_of(member) for member in members]
    keys = {tag.key for tag in tags if tag is not None}
    if tags.count(None) > 1 or len(keys) != 1:
        raise TypeError(f"{classes} need names of one kind in `alternatives`")
    (key,) = keys
    names = [None if tag is None else tag.name for tag in tags]
    return _told_apart(
        {name: _made(member) for name, member in zip(names, members, strict=True)},
        lambda value: value.get(key) if isinstance(value, dict) else None,
        key,
        ", ".join(filter(None, names)),
    )


def _told_apart(read: Mapping[Any, Any], name_of: Any, error: str, message: str) -> Any:
    """The union in which `name_of` a value says what it is read as; an error of that type and message otherwise."""
    members = [Annotated[kind, Tag(f"<{name}>")] for name, kind in read.items()]
    mark = Discriminator(
        lambda value: f"<{name_of(value)}>", custom_error_type=error, custom_error_message=message
    )
    return Annotated[functools.reduce(operator.or_, members), mark]


def _made(cls: type) -> Any:
    """An object of a dataclass, checked by the class itself."""

    def made(section: Section) -> Any:
        given = {field.name for field in fields_in_file(cls)} & section.model_fields_set
        try:
            return cls(**{name: getattr(section, name) for name in given})
        except (TypeError, ValueError) as error:
            raise ValueError(str(error).removeprefix(f"{cls.__name__}: ")) from error

    return Annotated[_section(cls), AfterValidator(made)]


@functools.cache
def _section(cls: Any) -> type[Section]:
    """The dataclass's fields as a section: which keys there are, and of which types."""
    hints, told = get_type_hints(cls), arguments(cls)
    fields: dict[str, Any] = {}
    if (tag := tag_of(cls)) is not None:
        fields[tag.key] = (Literal[tag.name], ...)
    for field in fields_in_file(cls):
        default = ... if field.default is dataclasses.MISSING else field.default
        fields[field.name] = (in_file(hints[field.name]), Field(default, description=told.get(field.name)))
    section = create_model(cls.__name__, __base__=Section, __doc__=summary(cls), **fields)
    section.only_in_python = frozenset(field.name for field in dataclasses.fields(cls)) - set(fields)
    return section


def _form(member: Any) -> str:
    """The kind of YAML value that stands for a member of a union."""
    if get_origin(member) is Literal:
        member = type(get_args(member)[0])
    if member in _PLAIN:
        return {bool: "truth", str: "text"}.get(member, "number")
    return "list" if get_origin(member) in (tuple, collections.abc.Sequence) else "mapping"


def _form_of_value(value: Any) -> str | None:
    for kind, form in _FORMS:
        if isinstance(value, kind):
            return form
    return None


def _label(member: Any) -> str:
    """The form in words."""
    if get_origin(member) is Literal:
        return ", ".join(map(repr, get_args(member)))
    return _PLAIN.get(member) or {"list": "a list", "mapping": "a section of keys"}[_form(member)]
