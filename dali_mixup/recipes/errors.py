"""The faults of a recipe: the key's path, the values allowed there and the nearest spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from dali_mixup._checks import did_you_mean
from dali_mixup.recipes.alternatives import KEYS
from dali_mixup.recipes.numbers import number_in_yaml
from dali_mixup.recipes.section_keys import is_only_in_python, keys_at

MOST_LINES = 20

_FORM = re.compile(r"<.*>")  # part of a path that stands for one of several alternatives, and for no key


class RecipeError(ValueError):
    """A recipe that cannot be read, or that asks for something impossible. One line per fault."""


class Fault(ValueError):
    """A fault found by a check of our own, at a key below the section that is being checked."""

    def __init__(self, path: str, message: str):
        super().__init__(f"{path}: {message}")
        self.path, self.message = path, message


def nearest(word: str, known: Iterable[str]) -> str:
    """ " (did you mean 'mixup'?)" for the most similar known word, "" where none is similar."""
    hint = did_you_mean(str(word)[:100], sorted(known))
    return f" ({hint})" if hint else ""


def listed(known: Iterable[str]) -> str:
    return ", ".join(sorted(known))


def shortened(value: Any) -> str:
    """The value's repr, cut where a line would end."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def explain(name: str, model: type[BaseModel], error: ValidationError) -> RecipeError:
    """pydantic's findings about the recipe called `name`, in the words of a recipe's author."""
    lines = [_line(model, found) for found in error.errors(include_url=False)]
    if len(lines) == 1:
        return RecipeError(f"recipe {name}: {lines[0]}")
    more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return RecipeError(
        "\n".join(
            [f"recipe {name}: {len(lines)} errors", *(f"  {line}" for line in [*lines[:MOST_LINES], *more])]
        )
    )


def dotted(path: Sequence[str | int]) -> str:
    """('policy', 'methods', 0, '<mixup>', 'alpha') as policy.methods[0].alpha."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not _FORM.fullmatch(part):
            text += f".{part}" if text else part
    return text


def _line(model: type[BaseModel], found: Any) -> str:
    path, kind, given = found["loc"], found["type"], found["input"]
    if kind == "extra_forbidden":
        known = keys_at(model, path[:-1])
        key = shortened(path[-1])[1:-1]
        where = f"{dotted(path[:-1])}.{key}" if dotted(path[:-1]) else key
        if is_only_in_python(model, path):
            return f"{where}: a file holds no functions; leave it out, and give them to the recipe's loader in Python"
        return f"{where}: unknown key{nearest(key, known)}; allowed: {listed(known)}"
    where = dotted(path) or "the recipe"
    if kind == "missing":
        return f"{where}: missing"
    if kind in KEYS:
        return _alternative(where, given, kind, found["msg"].split(", "))
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", found["ctx"]["expected"])
        return f"{where}: {shortened(given)}{nearest(str(given), words)}; allowed: {listed(words)}"
    if kind == "value_error":
        fault = found["ctx"]["error"]
        if isinstance(fault, Fault):
            return f"{f'{dotted(path)}.{fault.path}' if path else fault.path}: {fault.message}"
        return f"{where}: {fault}"
    if kind in ("model_type", "dict_type"):
        return f"{where}: {shortened(given)}; expected a section with keys of these: {listed(keys_at(model, path))}"
    if kind in ("tuple_type", "list_type"):
        return f"{where}: {shortened(given)}; expected a list"
    return f"{where}: {shortened(given)}; {_lowered(found['msg'])}{_number_hint(given, kind, found['msg'])}"


def _alternative(where: str, given: Any, key: str, known: Sequence[str]) -> str:
    if not isinstance(given, dict):
        return f"{where}: {shortened(given)}; expected a section such as {{{key}: {known[0]}}}"
    if key not in given:
        return f"{where}.{key}: missing; allowed: {listed(known)}"
    word = given[key]
    return f"{where}.{key}: {shortened(word)}{nearest(str(word), known)}; allowed: {listed(known)}"


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def _number_hint(given: Any, kind: str, message: str) -> str:
    """For a number that YAML 1.1, which PyYAML reads, takes for text: how to write it, where a number is allowed."""
    fraction = kind == "float_type" or "a number" in message
    if not isinstance(given, str) or not (fraction or kind == "int_type" or "an integer" in message):
        return ""
    text = number_in_yaml(given, whole=not fraction)
    return f" (YAML reads it as text; write {text} without quotes)" if text else ""
