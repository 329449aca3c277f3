"""What every source of encoded images and labels offers to the loader."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from dali_mixup.sources.names import PackedNames

Self = TypeVar("Self", bound="Source")

Place = tuple[bytes, int, int | None]
"""Where the bytes of an image lie: the file's path, the first byte, and how many; None: to the file's end."""


class Source(ABC):
    """Encoded images, each with a class: random access by index, no decoding, neither DALI nor torch.

    names: the full name of every sample; `root` is what they all begin with. The rest, the sample's key, is
    the same wherever the data lie, so keys stand in exclude lists, manifests and fingerprints.
    labels: (n,) int32, read-only, in [0, num_classes).
    classes: the name of every class; label i means classes[i]. Names may repeat (ImageNet has two "crane").

    Raises ValueError where there are no samples, where numbers of names and labels differ, and where a label
    lies outside [0, num_classes); TypeError where labels are not whole numbers.
    """

    read_in_dali: ClassVar[bool]
    """True: `feed` gives file paths, which DALI opens. False: `feed` gives the encoded images themselves."""

    def __init__(self, names: PackedNames, labels: Any, classes: Sequence[str], root: str) -> None:
        self._names = names
        self._prefix = len(os.fsencode(root))
        self._fingerprint: str | None = None
        self.classes = tuple(classes)
        self.labels = _checked_labels(labels, self.classes, names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    def name(self, index: int) -> str:
        """The full name of a sample (the path of its file), for messages."""
        return self._names[index]

    def key(self, index: int) -> str:
        """The name of a sample without the root: the same on every machine."""
        return os.fsdecode(self._names.bytes_of(index)[self._prefix :])

    @abstractmethod
    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        """What DALI is given for these samples: one (bytes,) uint8 array each; see `read_in_dali`."""

    @abstractmethod
    def places(self, indices: np.ndarray) -> list[Place]:
        """Where the encoded images of these samples lie, for whoever wants to read them before they are fed."""

    def fingerprint(self) -> str:
        """Hex digest (SHA-256) of keys, labels and classes, in order; not of the images, nor of where they
        lie.
        """
        if self._fingerprint is None:
            digest = hashlib.sha256(json.dumps(self.classes).encode() + b"\0")
            digest.update(self.labels.astype("<i4").tobytes())
            for keys in self._names.chunks(self._prefix):
                digest.update(keys)
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def subset(self: Self, indices: Any) -> Self:
        """The samples at `indices`, (m,) whole numbers in [0, n), in that order. Classes keep their labels.

        Raises IndexError for an index outside [0, n), ValueError where nothing is left.
        """
        rows = np.asarray(indices)
        if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
            raise TypeError(f"indices must be a list of whole numbers, got {indices!r}")
        outside = rows[(rows < 0) | (rows >= len(self))] if rows.size else rows
        if outside.size:
            raise IndexError(f"index {outside[0]} is outside [0, {len(self)})")
        return self._take(rows.astype(np.int64))

    def _take(self: Self, rows: np.ndarray) -> Self:
        if not rows.size:
            raise ValueError(f"none of the {len(self)} samples is left")
        rest = copy.copy(self)
        rest._names, rest.labels, rest._fingerprint = self._names.take(rows), self.labels[rows], None
        rest.labels.setflags(write=False)
        return rest

    def exclude(self: Self, unwanted: Iterable[Any]) -> Self:
        """All samples but the `unwanted` ones, given by index, by key or by full name. Classes keep their
        labels.

        Raises ValueError for a name that is not here (a stale list must not pass unnoticed) and where nothing
        is left.
        """
        if isinstance(unwanted, (str, bytes)):
            raise TypeError(f"exclude takes a list of names or indices, got one name: {unwanted!r}")
        wanted = np.ones(len(self), dtype=bool)
        names = set()
        for item in unwanted:
            if isinstance(item, (str, bytes, os.PathLike)):
                names.add(os.fsdecode(item))
            elif isinstance(item, (int, np.integer)) and not isinstance(item, bool) and 0 <= item < len(self):
                wanted[item] = False
            else:
                raise TypeError(f"exclude takes names or indices in [0, {len(self)}), got {item!r}")
        if names:
            wanted[self._rows_of(names)] = False
        return self._take(np.flatnonzero(wanted))

    def _rows_of(self, names: set[str]) -> list[int]:
        missing, rows = set(names), []
        for index in range(len(self)):
            full = self._names.bytes_of(index)
            for text in (os.fsdecode(full), os.fsdecode(full[self._prefix :])):
                if text in names:
                    rows.append(index)
                    missing.discard(text)
        if missing:
            raise ValueError(
                f"{len(missing)} of {len(names)} names to exclude are not in the data, such as "
                f"{sorted(missing)[:3]}. Names are like {self.key(0)!r}. Was the list made for other data?"
            )
        return rows


def _checked_labels(labels: Any, classes: tuple[str, ...], names: PackedNames) -> np.ndarray:
    if not len(names):
        raise ValueError("the data hold no samples")
    array = whole_numbers(labels)
    if array.shape != (len(names),):
        raise ValueError(f"{len(names)} samples need labels of shape ({len(names)},), got {array.shape}")
    outside = np.flatnonzero((array < 0) | (array >= len(classes)))
    if outside.size:
        row = int(outside[0])
        raise ValueError(
            f"the label of {names[row]!r} is {array[row]}, outside [0, {len(classes)}) "
            f"({outside.size} labels are outside for {len(classes)} classes)"
        )
    array = array.astype(np.int32)
    array.setflags(write=False)
    return array


def whole_numbers(labels: Any) -> np.ndarray:
    """Labels as an array of integers, whatever they came in. Raises TypeError for anything else."""
    try:
        array = np.asarray(labels)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "iu":
        raise TypeError(f"labels must be whole numbers that fit 32 bits, got {reprlib.repr(labels)}")
    return array
