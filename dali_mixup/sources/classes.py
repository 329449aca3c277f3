"""The classes and their labels as stated by the user, so that two data sets agree on them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from dali_mixup._checks import MOST_CLASSES, members
from dali_mixup.sources.class_attributes import class_attribute
from dali_mixup.sources.class_files import read_classes

Classes: TypeAlias = "Sequence[str] | Mapping[str, int] | Any"
"""Names in the order of their labels, a mapping from name to label, the path of a file of one of these, or an object
with `classes`: a loader, a source, a torchvision dataset."""


@dataclass(frozen=True)
class ClassMap:
    """Class names and their labels.

    Attributes:
        names: the name of every label. They may repeat (ImageNet has two "crane").
        labels: the label of every name that has only one label.
    """

    names: tuple[str, ...]
    labels: Mapping[str, int]

    @classmethod
    def of(cls, names: tuple[str, ...]) -> ClassMap:
        """The map in which the position of every name is its label."""
        labels = {name: label for label, name in enumerate(names)}
        if len(labels) < len(names):
            counts = Counter(names)
            labels = {name: label for name, label in labels.items() if counts[name] == 1}
        return cls(names, labels)

    def label(self, name: str) -> int | None:
        """The label of a name, or of several that share a label, joined as in `names`; None if it has none.

        Raises:
            ValueError: the name has several labels.
        """
        label = self.labels.get(name)
        if label is not None:
            return label
        places = self._places.get(name, [])
        if len(places) > 1:
            raise ValueError(f"classes: the name {name!r} has the labels {places}; expected different names")
        # Data to which this map was applied before have the joined names of those that share a label.
        return places[0] if places and places[0] in self._in_use else None

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for place, name in enumerate(self.names):
            places.setdefault(name, []).append(place)
        return places

    @cached_property
    def _in_use(self) -> frozenset[int]:
        return frozenset(self.labels.values())

    def relabelled(self, labels: np.ndarray, own: Sequence[str], where: str) -> np.ndarray:
        """Labels of the `own` class names, converted to labels of this map.

        Args:
            labels: (n,) integers in [0, len(own)).
            own: class names of the data.
            where: the data, for the message.

        Returns:
            (n,) int64.

        Raises:
            ValueError: a class of a sample is not in this map.
        """
        table = np.full(len(own), -1, dtype=np.int64)
        used = np.unique(labels)
        for label in used.tolist():
            found = self.label(own[label])
            if found is not None:
                table[label] = found
        unknown = [own[label] for label in used.tolist() if table[label] < 0]
        if unknown:
            raise ValueError(
                f"{len(unknown)} of the {len(used)} classes of {where} are not in classes=: {few(unknown)}; "
                f"classes= has {len(self.names)}: {few(self.names)}"
            )
        return table[labels]


def class_map(classes: Classes) -> ClassMap:
    """The classes that the user's argument describes.

    Args:
        classes: names in the order of their labels; a mapping from name to label, in which several names may share a
            label and labels may be missing; the path of a file of one of these (`read_classes`); or an object that has
            one of these as `class_to_idx` or `classes`, itself or in its `dataset`.

    Raises:
        TypeError: none of these; a set, which has no order.
        FileNotFoundError: a file that does not exist.
        ValueError: no class, or a label outside [0, 10 000 000).
    """
    if isinstance(classes, ClassMap):
        return classes
    if isinstance(classes, Mapping):
        return _of_mapping(classes)
    if isinstance(classes, (str, bytes, os.PathLike)):
        return class_map(read_classes(classes))
    # A source's own map first: names and labels alone would not tell which names share a label.
    for given in (
        getattr(classes, "class_map", None),
        getattr(classes, "dataset", None),
        class_attribute(classes),
    ):
        if given is not None and given is not classes:
            return class_map(given)
    if isinstance(classes, (set, frozenset)):
        raise TypeError(
            f"classes must have an order, which gives the labels, got a {type(classes).__name__}; give sorted(...)"
        )
    if not isinstance(classes, Iterable) or getattr(classes, "ndim", 1) != 1:
        raise TypeError(
            "classes must be a list of names, a mapping from name to label, a file of these, or an object with "
            f"`classes` such as a loader; got {type(classes).__name__}"
        )
    return _of_names(tuple(members(classes) or classes))


def _of_names(names: tuple[str, ...]) -> ClassMap:
    if not names:
        raise ValueError("classes must hold at least one name, got none")
    return ClassMap.of(checked_names(names))


def _of_mapping(mapping: Mapping[Any, Any]) -> ClassMap:
    labels: dict[str, int] = {}
    names: dict[int, list[str]] = {}
    for name, label in mapping.items():
        if isinstance(label, bool) or not isinstance(label, (int, np.integer)):
            raise TypeError(f"classes: the label of {name!r} must be a whole number, got {label!r}")
        if not 0 <= label < MOST_CLASSES:
            raise ValueError(f"classes: the label of {name!r} must be in [0, {MOST_CLASSES}), got {label}")
        labels[name] = int(label)
        names.setdefault(int(label), []).append(name)
    checked_names(tuple(mapping))
    if not labels:
        raise ValueError("classes must hold at least one name, got an empty mapping")
    # A label that no name has, as in ImageNet-R's 200 of 1000, is named by its number.
    return ClassMap(
        tuple(", ".join(names.get(label, [str(label)])) for label in range(max(names) + 1)), labels
    )


def checked_names(names: Sequence[Any]) -> tuple[str, ...]:
    """Class names; torchvision's ImageNet has tuples of synonyms, which are joined.

    Raises:
        TypeError: a name that is not text.
    """
    texts = tuple(", ".join(name) if _is_synonyms(name) else name for name in names)
    for place, name in enumerate(texts):
        if not isinstance(name, str):
            raise TypeError(f"classes: name {place} must be text, got {name!r}")
    return texts


def _is_synonyms(name: Any) -> bool:
    return isinstance(name, tuple) and all(isinstance(synonym, str) for synonym in name)


def few(names: Iterable[str], most: int = 5) -> str:
    """The first names, quoted, for a message."""
    texts = list(names)
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(map(repr, texts[:most])) + more
