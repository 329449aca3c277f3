"""Paths as users give them, made into what sources hold."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import cast


def path_text(path: object) -> str:
    """A path given as str, bytes or os.PathLike, as str. Raises TypeError that shows anything else."""
    if isinstance(path, str):
        return path
    if isinstance(path, (bytes, os.PathLike)):
        return os.fsdecode(path)
    raise TypeError(f"a path must be str, bytes or os.PathLike, got {path!r} ({type(path).__name__})")


def path_texts(paths: Sequence[object]) -> list[str]:
    """`path_text` of every path."""
    if set(map(type, paths)) == {str}:  # the usual case, a million times
        return list(cast("Sequence[str]", paths))
    return [path_text(path) for path in paths]


def absolute(paths: list[str]) -> list[str]:
    """The paths below the working directory of now where they are relative; empty ones stay as they are."""
    if all(path.startswith("/") for path in paths):
        return paths
    here = os.getcwd()
    return [os.path.join(here, path) if path else path for path in paths]


def split_root(paths: list[str]) -> tuple[str, list[str]]:
    """The folder, with a slash at its end, that all paths begin with; and the paths below it."""
    paths = absolute(paths)
    shared = os.path.commonprefix(paths)  # noqa: RUF071  (commonpath splits every path: too slow)
    root = shared[: shared.rfind("/") + 1]
    return root, [path[len(root) :] for path in paths]
