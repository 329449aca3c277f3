"""Conversion of users' paths to those that sources hold."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from dali_mixup._checks import members
from dali_mixup.sources.remote.urls import is_url


def path_text(path: object) -> str:
    """A path given as str, bytes or os.PathLike, as str.

    Raises:
        TypeError: anything else; the message shows it.
    """
    if isinstance(path, str):
        return path
    if isinstance(path, (bytes, os.PathLike)):
        return os.fsdecode(path)
    raise TypeError(f"a path must be str, bytes or os.PathLike, got {path!r} ({type(path).__name__})")


def path_texts(paths: Sequence[object]) -> list[str]:
    """`path_text` of every path; TypeError for one text, whose letters would be paths, and for what is no sequence."""
    listed = members(paths)
    if listed is None:
        raise TypeError(f"paths={paths!r}, expected a list of paths")
    if set(map(type, listed)) == {str}:  # the usual case, a million times
        return listed
    return [path_text(path) for path in listed]


def home_expanded(path: object) -> str:
    """`path_text` with a leading ~ or ~user replaced by the home folder, as torchvision does."""
    return os.path.expanduser(path_text(path))


def folder_to_write(path: object) -> Path:
    """`home_expanded` as a Path; ValueError for an empty one, which would be the current folder."""
    text = home_expanded(path)
    if not text:
        raise ValueError("the folder to write is an empty path; the current folder is '.'")
    return Path(text)


def homes_expanded(paths: list[str]) -> list[str]:
    """`home_expanded` of every path."""
    if not any(path.startswith("~") for path in paths):
        return paths
    return list(map(os.path.expanduser, paths))


def absolute(paths: list[str]) -> list[str]:
    """Relative paths below the current working directory; URLs and empty ones stay as they are."""
    if all(path.startswith("/") for path in paths):
        return paths
    here = os.getcwd()
    return [os.path.join(here, path) if path and not is_url(path) else path for path in paths]


def split_root(paths: list[str]) -> tuple[str, list[str]]:
    """The folder, with a slash at its end, that all paths begin with; and the paths below it."""
    paths = absolute(paths)
    shared = os.path.commonprefix(paths)  # noqa: RUF071  (commonpath splits every path: too slow)
    root = shared[: shared.rfind("/") + 1]
    return root, [path[len(root) :] for path in paths]


def folder_prefix(root: object) -> str:
    """A folder as the absolute text that the paths below it begin with. It may be a scheme alone, such as s3://."""
    folder = absolute([home_expanded(root)])[0]
    shorter = folder.rstrip("/")
    return f"{shorter}//" if is_url(folder) and shorter.endswith(":") else f"{shorter}/"


def climbs(path: str) -> bool:
    """True if a path leaves its root: it is absolute or a URL, or has a part `..`."""
    return path.startswith("/") or is_url(path) or (".." in path and ".." in path.split("/"))


def beside(file: str, paths: list[str]) -> list[str]:
    """The paths in a list: relative ones are below its folder, absolute ones and URLs stay as they are.

    Raises:
        ValueError: the list is remote and names files of this machine.
    """
    folder = os.path.dirname(file).rstrip("/")
    absolute = next((path for path in paths if path.startswith("/")), None)
    if absolute is not None and is_url(file):
        raise ValueError(
            f"{file} names {absolute!r}, a file of this machine; expected paths below its own folder, or URLs. Give "
            "the folder of the images with open_source(..., root=...) if the paths are relative to it"
        )
    return [path if path.startswith("/") or is_url(path) else f"{folder}/{path}" for path in paths]


def first_climbing(paths: Sequence[str]) -> int | None:
    """The first path that `climbs`; None if none does."""
    text = "\0".join(paths)
    # All are tested together: a million paths one by one take half a second.
    if not (text.startswith("/") or "\0/" in text or ".." in text or "://" in text):
        return None
    return next((number for number, path in enumerate(paths) if climbs(path)), None)


def regular_file(path: str) -> os.stat_result:
    """The status of an existing path that is neither a folder nor a pipe or device, which would block.

    Raises:
        FileNotFoundError: the path does not exist.
        ValueError: it is something else.
    """
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"the file {path!r} does not exist") from None
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(
            f"{path!r} is not a regular file but {_KINDS.get(stat.S_IFMT(status.st_mode), 'something else')}"
        )
    return status


def existing_file(path: object) -> str:
    """The absolute path of an existing regular file, or a URL as it is. Raises as `regular_file`."""
    text = home_expanded(path)
    if is_url(text):
        return text
    text = os.path.abspath(text)
    regular_file(text)
    return text


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
