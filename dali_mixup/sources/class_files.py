"""Files of class names: one name per line, or JSON."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

from dali_mixup.sources.listed.lines import text_lines
from dali_mixup.sources.paths import home_expanded, regular_file


def read_classes(file: str | bytes | os.PathLike[str]) -> list[str] | dict[str, int]:
    """The class names in a file.

    Args:
        file: a .txt with one name per line, in the order of their labels, as timm's `class_map` and mmpretrain's
            `classes`; or a .json with a list of names or a mapping from name to label.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: another suffix; an empty line; JSON of another form, or with a name twice in the mapping.
    """
    path = home_expanded(file)
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _READ:
        advice = (
            "reading a pickle can run code: save it as JSON, json.dump(pickle.load(open(...,'rb')), open(...,'w'))"
            if suffix in (".pkl", ".pickle")
            else "for names in memory give a list"
        )
        raise ValueError(f"classes={path!r}: expected a .txt or .json file of class names; {advice}")
    regular_file(path)
    return _READ[suffix](path)


def _lines(path: str) -> list[str]:
    names = [line.strip() for line in text_lines(path)]
    while names and not names[-1]:
        names.pop()
    if "" in names:
        raise ValueError(
            f"{path}, line {names.index('') + 1}: expected a class name, got an empty line, which would take a label"
        )
    return names


class _Pairs(list[tuple[str, Any]]):
    """An object of a JSON file with all its names, of which a dict would keep the last of several equal ones."""


def _json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8-sig") as file:
            found = json.load(file, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path!r} cannot be read as JSON: {error}") from None
    if isinstance(found, _Pairs):
        if all(type(label) is int for _, label in found):
            return _mapping(path, found)
    elif isinstance(found, list) and all(isinstance(name, str) for name in found):
        return found
    raise ValueError(f'{path!r}: expected a list of names or {{"name": label}} with whole numbers')


def _mapping(path: str, pairs: _Pairs) -> dict[str, int]:
    labels = dict(pairs)
    if len(labels) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        given = [label for name, label in pairs if name == twice]
        raise ValueError(f"{path!r}: the name {twice!r} has the labels {given}; expected every name once")
    return labels


_READ = {".txt": _lines, ".json": _json}
