"""From a name or a file to a checked Recipe."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from dali_mixup.recipes.errors import RecipeError, explain, listed, nearest, shortened
from dali_mixup.recipes.extending import over
from dali_mixup.recipes.files import recipe_files
from dali_mixup.recipes.parsing import parsed
from dali_mixup.recipes.recipe import Recipe
from dali_mixup.sources.paths import home_expanded

MOST_BYTES = 256 * 1024  # a recipe has 2 KiB
LONGEST_CHAIN = 16  # of files that extend each other


def load_recipe(name: str | os.PathLike[str]) -> Recipe:
    """The recipe of that name (`recipe_names()`), or of a YAML file given by its path.

    Raises:
        TypeError: a name that is neither text nor a path.
        RecipeError: no such recipe or file, broken YAML, or anything in it that is unknown, of the wrong type or
            impossible; every fault with its key's path, what is allowed and the nearest spelling.
    """
    if not isinstance(name, (str, os.PathLike)):
        raise TypeError(
            f"load_recipe: name={name!r} is a {type(name).__name__}, expected the name of a recipe, as in "
            "recipe_names(), or the path of a .yaml file"
        )
    return checked(merged(name), str(name))


def recipe_names() -> list[str]:
    """The names of the recipes that come with the library, sorted."""
    return list(recipe_files())


def checked(content: Mapping[str, Any], name: str) -> Recipe:
    """A Recipe of the content of a file, bases merged in; `name` stands in messages."""
    try:
        # As JSON, in which a list is what a tuple is written as; of Python objects strict types take tuples only.
        return Recipe.model_validate_json(json.dumps(_with_total_epochs(content)))
    except ValidationError as error:
        raise explain(name, Recipe, error) from None


def merged(name: str | os.PathLike[str], _children: tuple[str, ...] = ()) -> dict[str, Any]:
    """The file's content with the recipes it extends filled in underneath, see `over`."""
    file = _read(name)
    if file.identity in _children:
        raise RecipeError(
            f"recipe {name}: extends itself, through {' -> '.join((*_children, file.identity))}"
        )
    if len(_children) >= LONGEST_CHAIN:
        raise RecipeError(f"recipe {_children[0]}: extends a chain of more than {LONGEST_CHAIN} files")
    content = parsed(file.text, str(name))
    base = content.pop("extends", None)
    if base is None:
        return content
    return over(merged(_base(base, file, str(name)), (*_children, file.identity)), content)


def _with_total_epochs(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Schedules in fractions of the training get its length, where they do not name another."""
    training = content.get("training")
    if not (isinstance(training, Mapping) and "epochs" in training):
        return content

    def filled(schedule: Any) -> Any:
        if isinstance(schedule, list):
            return [filled(one) for one in schedule]
        if isinstance(schedule, Mapping) and schedule.get("unit") == "fraction":
            return {"total_epochs": training["epochs"], **schedule}
        return schedule

    def with_policy(section: Any) -> Any:
        policy = section.get("policy") if isinstance(section, Mapping) else None
        if not (isinstance(policy, Mapping) and "schedule" in policy):
            return section
        return {**section, "policy": {**policy, "schedule": filled(policy["schedule"])}}

    def with_policies(section: Any) -> Any:
        views = section.get("views") if isinstance(section, Mapping) else None
        if not isinstance(views, list):
            return section
        return {**section, "views": [with_policy(view) for view in views]}

    if "unlabelled" in content:
        content = {**content, "unlabelled": with_policies(content["unlabelled"])}
    made: Mapping[str, Any] = with_policy(with_policies(content))
    return made


class _File(NamedTuple):
    text: str
    identity: str  # the same for the same file
    folder: Path | None  # None: a published recipe


def _read(name: str | os.PathLike[str]) -> _File:
    if _is_file_name(name):
        path = Path(home_expanded(name))
        return _File(_text_of(path), str(path.resolve()), path.parent)
    files = recipe_files()
    if name not in files:
        raise RecipeError(
            f"no recipe {shortened(str(name))}{nearest(str(name), files)}; there are {listed(files)}. "
            "A file of your own is given by its path, ending in .yaml"
        )
    return _File(files[str(name)].read_text(encoding="utf-8"), str(name), None)


def _text_of(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is a folder or a device")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RecipeError(f"recipe {path}: cannot read the file ({error.strerror})") from None
    except ValueError as error:  # a NUL in the name
        raise RecipeError(f"recipe {str(path)!r}: cannot read the file ({error})") from None
    if len(content) > MOST_BYTES:
        raise RecipeError(f"recipe {path}: larger than {MOST_BYTES} bytes, so it is not a recipe")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RecipeError(f"recipe {path}, line {line}: not UTF-8 (byte {error.start})") from None


def _is_file_name(name: str | os.PathLike[str]) -> bool:
    text = os.fspath(name)
    return not isinstance(name, str) or text.endswith((".yaml", ".yml")) or os.sep in text


def _base(base: Any, file: _File, name: str) -> str | Path:
    """The published recipe or the file that `extends` names. A recipe from elsewhere cannot have other files read."""
    if isinstance(base, str) and base in recipe_files():
        return base
    if isinstance(base, str) and base.endswith(".yaml") and "\0" not in base and file.folder is not None:
        path = (file.folder / base).resolve()
        if path.is_relative_to(file.folder.resolve()):
            return path
    hint = nearest(base, recipe_files()) if isinstance(base, str) else ""
    raise RecipeError(
        f"recipe {name}: extends: {shortened(base)}{hint}; expected the name of a published recipe, or a .yaml file in "
        "the same folder or below it"
    )
