"""One kind of data that users have, and what they wish for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dali_mixup.sources.base import Source
from dali_mixup.sources.classes import ClassMap


@dataclass(frozen=True)
class Wish:
    """The data to open, and the user's options for it.

    Attributes:
        data: the user's argument, or the path in it.
        root: the folder of the images, if given.
        classes: the labels of class names, if given.
    """

    data: Any
    root: str | None
    classes: ClassMap | None


@dataclass(frozen=True)
class Kind:
    """One kind of data.

    Attributes:
        described: text for the message that lists the accepted kinds.
        takes: predicate for data of this kind, which reads a file's header at most.
        opened: function that returns their source.
        rooted: whether a root can be given.
        several: whether several files of this kind, given as a list or a pattern, are one source.
        takes_url: predicate for URLs of this kind; None: it is read on this machine only.
    """

    described: str
    takes: Callable[[Any], bool]
    opened: Callable[[Wish], Source]
    rooted: bool = False
    several: bool = False
    takes_url: Callable[[str], bool] | None = None


def suffix(*suffixes: str) -> Callable[[str], bool]:
    """The predicate of paths that end in one of these."""
    return lambda path: path.lower().endswith(suffixes)
