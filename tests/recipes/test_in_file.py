"""Every option of the library can be set from a recipe, and reaches the object that has it."""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import itertools
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from dali_mixup import MixUp
from dali_mixup.recipes import Recipe, RecipeError, load_recipe
from dali_mixup.recipes.alternatives import ALTERNATIVES
from dali_mixup.recipes.in_file import InFile, in_file
from dali_mixup.recipes.keys import fields_in_file, key_paths, written
from dali_mixup.recipes.sections import Validation

Option = tuple[type, str]

LEAST = {
    "title": "as little as a recipe can say",
    "source": {"model": "resnet50"},
    "training": {
        "epochs": 90,
        "batch_size": 8,
        "optimizer": {"name": "sgd"},
        "learning_rate": {"base": 0.1},
    },
    "loss": {"name": "binary-cross-entropy"},  # which takes all policies' labels
}

# Of every plain type, values among which each option finds one that it accepts and that is not its default.
PLAIN: dict[Any, list[Any]] = {
    bool: [True, False],
    int: [2, 3, 64],
    float: [64.0, 2.0, 0.5, 0.25],
    str: ["rand-m9-mstd0.5-inc1", "smoothstep"],
    types.NoneType: [None],
}

# Of an option that an object needs, a value that some others ask for.
LIKELY: dict[str, list[Any]] = {"methods": [(MixUp(),)]}

FEW = 5


@functools.cache
def values(annotation: Any) -> list[tuple[Any, frozenset[Option]]]:
    """Values of that type, and the options inside them that are not at their default."""
    return list(drawn(annotation))


def drawn(annotation: Any) -> Iterator[tuple[Any, frozenset[Option]]]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in PLAIN or origin is Literal:
        for value in PLAIN.get(annotation, inner):
            yield value, frozenset()
    elif origin in (Union, types.UnionType):
        for member in inner:
            yield from values(member)
    elif origin is tuple and inner[-1] is not Ellipsis:
        for items in itertools.product(*map(values, inner)):
            yield tuple(value for value, _ in items), frozenset().union(*(inside for _, inside in items))
    elif origin in (tuple, collections.abc.Sequence):
        for value, inside in values(inner[0]):
            for count in (1, 2, 3):
                yield (value,) * count, inside
            yield (values(inner[0])[0][0], value), inside  # a first view has nobody to share a window with
    elif annotation in ALTERNATIVES:
        for cls in ALTERNATIVES[annotation]:
            if all(field.default is not dataclasses.MISSING for field in dataclasses.fields(cls)):
                yield cls(), frozenset()
            yield from objects(cls)
    elif dataclasses.is_dataclass(annotation):
        yield from objects(annotation)


def objects(cls: Any) -> Iterator[tuple[Any, frozenset[Option]]]:
    """Objects of the class, of which each has one option that is not at its default, and what that option needs; for
    the same options a few, since a recipe may refuse what an object accepts."""
    tried: Counter[frozenset[Option]] = Counter()
    for field in fields_in_file(cls):
        for value, inside in values(get_type_hints(cls)[field.name]):
            reached = inside | {(cls, field.name)}
            if value is field.default or value == field.default or tried[reached] == FEW:
                continue
            for made in constructed(cls, {field.name: value}):
                yield made, reached
                tried[reached] += 1
                break


def constructed(cls: Any, given: dict[str, Any]) -> Iterator[Any]:
    """Objects with the given option, alone or beside one or two others that make it possible."""
    hints = get_type_hints(cls)
    others = [field for field in fields_in_file(cls) if field.name not in given]
    needed = [field.name for field in others if field.default is dataclasses.MISSING]
    for required in itertools.product(*(few(hints[name]) + LIKELY.get(name, []) for name in needed)):
        arguments = given | dict(zip(needed, required, strict=True))
        pairs = itertools.combinations(others, 2)
        beside = [{}, *({field.name: value} for field in others for value in few(hints[field.name]))]
        two = ({a.name: few(hints[a.name])[0], b.name: few(hints[b.name])[0]} for a, b in pairs)
        for other in itertools.chain(beside, two):
            try:
                yield cls(**(arguments | other))
            except (TypeError, ValueError):
                continue


def few(annotation: Any) -> list[Any]:
    return [value for value, _ in values(annotation)[:FEW]]


def sections() -> dict[str, Any]:
    """Dotted key -> the library's type that stands there."""
    found = {
        name: field.annotation
        for name, field in Recipe.model_fields.items()
        if any(isinstance(mark, InFile) for mark in field.metadata)
    }
    return found | {"validation.transform": Validation.model_fields["transform"].annotation}


def options(annotation: Any) -> set[Option]:
    """Every option of the dataclasses that an annotation names, by following their fields."""
    if annotation in ALTERNATIVES:
        return set().union(*map(options, ALTERNATIVES[annotation]))
    if dataclasses.is_dataclass(annotation):
        hints = get_type_hints(annotation)
        names = [field.name for field in fields_in_file(annotation)]
        own = {(annotation, name) for name in names}
        return own.union(*(options(hints[name]) for name in names))
    inner = () if get_origin(annotation) is collections.abc.Callable else get_args(annotation)
    return set().union(*map(options, inner))


def read(folder: Path, key: str, value: Any) -> Any:
    """What the recipe has at `key` when its file holds the value there."""
    content: Any = written(value)
    for part in reversed(key.split(".")[1:]):
        content = {part: content}
    file = folder / "one.yaml"
    file.write_text(yaml.safe_dump(LEAST | {key.split(".")[0]: content}))
    found: Any = load_recipe(file)
    for part in key.split("."):
        found = getattr(found, part)
    return found


def test_the_sections_are_found() -> None:
    expected = {"policy", "transform", "order", "output", "runtime", "labels", "bad_files", "views"}
    assert set(sections()) == expected | {"validation.transform"}


@pytest.mark.parametrize("key", sections())
def test_every_option_can_be_set_and_reaches_its_object(tmp_path: Path, key: str) -> None:
    reached: set[Option] = set()
    for value, inside in values(sections()[key]):
        if inside <= reached:
            continue
        try:
            found = read(tmp_path, key, value)
        except RecipeError:
            continue  # another value of the option must be possible, or it is missing below
        assert found == value and type(found) is type(value)
        reached |= inside
    assert reached == options(sections()[key])


@dataclasses.dataclass(frozen=True)
class Toy:
    """A toy.

    Args:
        side: of the toy, in pixels.
    """

    side: int = 3

    def __post_init__(self) -> None:
        if self.side < 1:
            raise TypeError(f"Toy: side={self.side}, expected a larger one")


@dataclasses.dataclass(frozen=True)
class GrownToy(Toy):
    invert: float = 0.0
    mode: Literal["soft", "hard"] | None = None


def test_a_field_added_to_a_class_is_a_key_at_once() -> None:
    before, after = (TypeAdapter(Annotated[cls, InFile()]) for cls in (Toy, GrownToy))
    text = '{"side": 4, "invert": 0.5, "mode": "hard"}'
    assert after.validate_json(text) == GrownToy(4, 0.5, "hard")
    with pytest.raises(ValidationError, match="invert"):
        before.validate_json(text)


@pytest.mark.parametrize("text", ['{"side": 0}', '{"side": "3"}', '{"side": true}', '{"sied": 3}', "[3]"])
def test_what_the_class_or_its_types_refuse_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Annotated[Toy, InFile()]).validate_json(text)


def test_the_schema_describes_a_key_in_the_docstring_s_words() -> None:
    schema = TypeAdapter(Annotated[Toy, InFile()]).json_schema()
    assert schema["description"] == "A toy."
    assert schema["properties"]["side"]["description"] == "of the toy, in pixels."
    assert schema["properties"]["side"]["default"] == 3


@pytest.mark.parametrize("section", ["transform", "validation.transform"])
def test_functions_are_refused(tmp_path: Path, section: str) -> None:
    with pytest.raises(RecipeError, match=rf"one.yaml: {section}.extra: a file holds no functions"):
        read(tmp_path, f"{section}.extra", ["mine.invert"])
    recipe = load_recipe("deit-s")
    assert not [path for path in key_paths(recipe) if path.endswith("extra")]
    assert "extra" not in str(Recipe.model_json_schema()["$defs"]["TrainTransform"]["properties"].keys())


def test_a_type_that_no_file_can_hold_is_named() -> None:
    with pytest.raises(TypeError, match=r"complex.* cannot be written in a recipe"):
        in_file(complex)
