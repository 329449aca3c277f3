"""Where the masks of images are, and how class ids are stored in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from dali_mixup._checks import integer, takes

MOST_IDS = 256
"""Class ids are uint8; one of them may be the ignore index."""

_MOST_STORED = 1 << 16
"""Values that a mask file of 16 bits can hold."""

Place: TypeAlias = "str | os.PathLike[str] | Sequence[Any] | Callable[[str], Any]"


@dataclass(frozen=True)
class Masks:
    """The masks that belong to images, for `open_source(images, masks=Masks(...))`.

    A mask is a file with one channel of 8 or 16 bits: the class id of every pixel. Images with a palette hold the
    indices into it, as in Pascal VOC.

    Args:
        files: a folder, in which the mask of an image has the image's path without its extension; a list of paths, one
            per image in their order; or a function from an image's key (its path below the folder of the images) to the
            path of its mask.
        ignore_index: in [0, 255], the value of pixels without a class, also of those that a transform brings in from
            outside the image.
        ids: class id of each value in the files; values without an entry become `ignore_index`. None: the values are
            the class ids.

    Raises:
        TypeError, ValueError: anything else.
    """

    files: Place
    ignore_index: int = 255
    ids: Mapping[int, int] | None = None

    def __post_init__(self) -> None:
        expected = "expected a folder, a list of paths, or a function from the key of an image to the path of its mask"
        if isinstance(self.files, list):
            object.__setattr__(self, "files", tuple(self.files))
        elif callable(self.files):
            takes(f"Masks: files={self.files!r}", self.files, "key", expected=expected)
        elif not isinstance(self.files, (str, os.PathLike, tuple)):
            raise TypeError(f"Masks: files={self.files!r}, {expected}")
        if isinstance(self.files, tuple):
            for row, file in enumerate(self.files):
                if not isinstance(file, (str, bytes, os.PathLike)):
                    raise TypeError(f"Masks: files[{row}]={file!r}, expected the path of a mask")
        ignored = integer("Masks", "ignore_index", self.ignore_index, at_least=0, at_most=MOST_IDS - 1)
        object.__setattr__(self, "ignore_index", ignored)
        if self.ids is not None:
            object.__setattr__(self, "ids", _checked_ids(self.ids))

    @property
    def table(self) -> np.ndarray | None:
        """(values,) uint8, the class id of each value; None without `ids`."""
        if self.ids is None:
            return None
        table = np.full(_MOST_STORED, self.ignore_index, np.uint8)
        table[list(self.ids)] = list(self.ids.values())
        return table


def as_masks(given: Any) -> Masks:
    """The `Masks` that `masks=` describes."""
    return given if isinstance(given, Masks) else Masks(given)


def _checked_ids(ids: Any) -> dict[int, int]:
    if not isinstance(ids, Mapping) or not ids:
        raise TypeError(f"Masks: ids={ids!r}, expected a mapping from values in the files to class ids")
    return {
        integer("Masks", "a value in ids", value, at_least=0, at_most=_MOST_STORED - 1): integer(
            "Masks", f"the class id of {value!r} in ids", label, at_least=0, at_most=MOST_IDS - 1
        )
        for value, label in ids.items()
    }
