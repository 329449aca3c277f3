"""What is wrong with a recipe, said with the key's path, what is allowed there and the nearest spelling."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


class RecipeError(ValueError):
    """A recipe that cannot be read, or that asks for something impossible. One line a fault."""


class Fault(ValueError):
    """A fault found by a check of our own, at a key below the section that is being checked."""

    def __init__(self, path: str, message: str):
        super().__init__(f"{path}: {message}")
        self.path, self.message = path, message


def nearest(word: str, known: Iterable[str]) -> str:
    """' (did you mean "mixup"?)' for the most similar known word, '' where none is similar."""
    close = difflib.get_close_matches(str(word), sorted(known), n=1, cutoff=0.6)
    return f' (did you mean "{close[0]}"?)' if close else ""


def listed(known: Iterable[str]) -> str:
    return ", ".join(sorted(known))


def explain(name: str, model: type[BaseModel], error: ValidationError) -> RecipeError:
    """pydantic's findings about the recipe called `name`, in the words of a recipe's author."""
    lines = [_line(model, found) for found in error.errors(include_url=False)]
    return RecipeError("\n".join([f"recipe {name}: {len(lines)} wrong", *(f"  {line}" for line in lines)]))


def dotted(path: Sequence[str | int]) -> str:
    """('mixing', 'methods', 0, 'alpha') as mixing.methods[0].alpha."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _line(model: type[BaseModel], found: Any) -> str:
    path, kind, given = found["loc"], found["type"], found["input"]
    where = dotted(path) or "the recipe"
    if kind == "extra_forbidden":
        known = _keys(model, path[:-1])
        return f"{where}: unknown key{nearest(str(path[-1]), known)}; allowed: {listed(known)}"
    if kind == "missing":
        return f"{where}: missing"
    if kind == "literal_error":
        allowed = found["ctx"]["expected"]
        words = [word.strip(" '") for part in allowed.split(" or ") for word in part.split(",")]
        return f"{where}: {given!r}{nearest(str(given), words)}; allowed: {allowed}"
    if kind == "value_error":
        fault = found["ctx"]["error"]
        if isinstance(fault, Fault):
            return f"{f'{dotted(path)}.{fault.path}' if path else fault.path}: {fault.message}"
        return f"{where}: {fault}"
    return f"{where}: {given!r}; {found['msg'].lower()}{_number_hint(given)}"


def _number_hint(given: Any) -> str:
    """YAML 1.1, which PyYAML reads, takes 1e-3 for a word; with a point it is a number."""
    if not isinstance(given, str):
        return ""
    try:
        number = float(given)
    except ValueError:
        return ""
    mantissa = given.lower().partition("e")[0]
    better = (
        given.replace(mantissa, f"{mantissa}.0", 1) if "e" in given.lower() and "." not in mantissa else None
    )
    return f" (YAML reads it as text; write {better or number!r} without quotes)".replace("'", "")


def _keys(model: Any, path: Sequence[str | int]) -> list[str]:
    """The keys of the section at `path`."""
    here = model
    for part in path:
        if isinstance(part, int):
            continue
        here = _fields(here)[part]
    return list(_fields(here))


def _fields(annotation: Any) -> dict[str, Any]:
    """Key in the file -> annotation, of the section in an annotation."""
    section = _section(annotation)
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def _section(annotation: Any) -> type[BaseModel]:
    """The model in an annotation such as `Mixing | None` or `list[Mixing]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        try:
            return _section(inner)
        except LookupError:
            continue
    raise LookupError(annotation)
