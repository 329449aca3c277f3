"""From the text of a recipe file to mappings, lists, texts and numbers, and nothing else that YAML has."""

from __future__ import annotations

from typing import Any, ClassVar

import yaml

from dali_mixup.recipes.errors import RecipeError
from dali_mixup.recipes.numbers import misread

DEEPEST = 32  # sections within sections; a recipe has four

_KINDS = ("null", "bool", "int", "float", "str", "seq", "map")


def parsed(text: str, name: str) -> dict[str, Any]:
    """The content of the recipe called `name`.

    Raises:
        RecipeError: not YAML, not a mapping, or something that no recipe needs: aliases, which can make gigabytes of a
            few lines, tags, keys that are not text, equal keys in one section, and very deep nesting.
    """
    try:
        content = yaml.load(text, Loader=_RecipeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RecipeError(f"recipe {name}{place}: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:  # characters YAML forbids; numbers Python refuses to read
        raise RecipeError(f"recipe {name}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise RecipeError(
            f"recipe {name}: {_kind(content)} at the top, expected keys such as title and training"
        )
    return content


def _kind(content: Any) -> str:
    return "nothing" if content is None else f"a {type(content).__name__}"


class _RecipeLoader(yaml.SafeLoader):
    # Dates are text: a recipe has none, and JSON neither.
    yaml_implicit_resolvers: ClassVar[Any] = {  # type: ignore[misc]
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors: ClassVar[Any] = {
        tag: constructor
        for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in _KINDS
    }

    def __init__(self, stream: str):
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(
                None, None, "an alias (*name); recipes have none, write the value", mark
            )
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.composer.ComposerError(None, None, f"nested more than {DEEPEST} deep", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_scalar(self, node: Any) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            raise yaml.constructor.ConstructorError(
                None, None, "half of a character (a lone surrogate)", node.start_mark
            )
        return value

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        value = super().construct_object(node, deep=deep)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and (wrong := misread(node.value, value)):
            raise yaml.constructor.ConstructorError(None, None, wrong, node.start_mark)
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is not text", key_node.start_mark
                )
            if key in seen:  # SafeLoader takes the last one in silence
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} comes twice in one section", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
