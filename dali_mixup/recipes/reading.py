"""From a name or a file to a checked Recipe: YAML, `extends`, and messages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from dali_mixup.recipes.errors import RecipeError, explain, listed, nearest
from dali_mixup.recipes.files import recipe_files
from dali_mixup.recipes.recipe import Recipe

MARKS = ("recalled", "unstated")


def load_recipe(name: str | os.PathLike[str]) -> Recipe:
    """The recipe of that name (`recipe_names()`), or of a YAML file given by its path.

    Raises:
        RecipeError: no such recipe or file, broken YAML, or anything in it that is unknown, of the wrong type or
            impossible; every fault with its key's path, what is allowed and the nearest spelling.
    """
    return checked(merged(name), str(name))


def recipe_names() -> list[str]:
    """The names of the recipes that come with the library, sorted."""
    return list(recipe_files())


def checked(content: Mapping[str, Any], name: str) -> Recipe:
    """A Recipe of the content of a file, bases merged in; `name` stands in messages."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise explain(name, Recipe, error) from None


def merged(name: str | os.PathLike[str], _children: tuple[str, ...] = ()) -> dict[str, Any]:
    """The file's content with the recipes it extends filled in underneath.

    Sections are merged key by key; a list or a value replaces the base's. A mark (recalled, unstated) follows its
    value: overriding a key drops the base's marks on it.
    """
    text, where = _read(name)
    if where in _children:
        raise RecipeError(f"recipe {name}: extends itself, through {' -> '.join((*_children, where))}")
    content = _parse(text, str(name))
    base = content.pop("extends", None)
    if base is None:
        return content
    if not isinstance(base, str):
        raise RecipeError(f"recipe {name}: extends: {base!r}; expected a recipe's name or a file")
    beside = Path(where).parent / base
    return over(
        merged(beside if _is_file_name(base) and beside.is_file() else base, (*_children, where)), content
    )


def over(base: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """`child` laid over `base`, see `merged`."""
    result = _laid_over(base, child)
    for mark in MARKS:
        kept = [path for path in base.get(mark, []) if not _says(child, path)]
        both = [*kept, *(path for path in child.get(mark, []) if path not in kept)]
        result[mark] = both
    return result


def _laid_over(base: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in child.items():
        below = result.get(key)
        result[key] = (
            _laid_over(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
        )
    return result


def _says(content: Mapping[str, Any], path: str) -> bool:
    """Does the content replace the value of that key? A section of which it gives some keys only keeps the rest."""
    here: Any = content
    for part in path.split("."):
        if not isinstance(here, Mapping):
            return True
        if part not in here:
            return False
        here = here[part]
    return not isinstance(here, Mapping)


def _read(name: str | os.PathLike[str]) -> tuple[str, str]:
    """A recipe's text and a string that is the same for the same file."""
    if _is_file_name(name):
        path = Path(name)
        try:
            return path.read_text(encoding="utf-8"), str(path.resolve())
        except OSError as error:
            raise RecipeError(f"recipe {name}: cannot read the file ({error.strerror})") from error
    files = recipe_files()
    if name not in files:
        raise RecipeError(
            f"no recipe {str(name)!r}{nearest(str(name), files)}; there are {listed(files)}. "
            "A file of your own is given by its path, ending in .yaml"
        )
    return files[str(name)].read_text(encoding="utf-8"), str(name)


def _is_file_name(name: str | os.PathLike[str]) -> bool:
    text = os.fspath(name)
    return not isinstance(name, str) or text.endswith((".yaml", ".yml")) or os.sep in text


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        content = yaml.load(text, Loader=_OnceLoader)
    except yaml.YAMLError as error:
        raise RecipeError(f"recipe {name}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise RecipeError(
            f"recipe {name}: {type(content).__name__} at the top, expected keys such as title and train"
        )
    return content


class _OnceLoader(yaml.SafeLoader):
    """SafeLoader takes the last of two equal keys in silence; here the second one is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} comes twice in one section", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
