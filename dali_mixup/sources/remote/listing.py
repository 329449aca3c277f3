"""Class folders in an object store, by the rules of `image_folder`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence

from dali_mixup.sources.remote.client import Store
from dali_mixup.sources.remote.daemons import DaemonThreads
from dali_mixup.sources.remote.failures import stopped
from dali_mixup.sources.remote.requests import attempted
from dali_mixup.sources.remote.urls import WEB, check_address, joined, scheme_of

_THREADS = 32
"""Folders listed at a time: a page has 1000 names, and the next page begins where it ends."""


def class_folders(root: str) -> list[str]:
    """The names of the folders right below a URL, sorted.

    Raises:
        ValueError: a web address, since web servers do not list their files.
        StorageError: the service fails, or refuses access.
    """
    _refuse_web(root)

    def folders(store: Store, key: str) -> list[str]:
        return store.folders(_folder(key))

    return sorted(attempted(root, folders))


def images_below(root: str, classes: Sequence[str], endings: tuple[str, ...]) -> list[list[str]]:
    """The images in each class folder, at any depth, as paths below `root` in torchvision's order.

    Raises:
        StorageError: the service fails, or refuses access.
    """

    def images(name: str) -> list[str]:
        found = _below(joined(root, name), lambda each: each.lower().endswith(endings))
        # torchvision sorts folders by their paths, and then the files in each.
        return [f"{name}/{each}" for each in sorted(found, key=_place)]

    with DaemonThreads(min(_THREADS, max(1, len(classes))), "dali-mixup-list") as threads:
        return list(threads.map(images, classes))


def objects_below(root: str, endings: tuple[str, ...]) -> list[str]:
    """The objects at any depth below a URL that have one of these endings: their paths below it, sorted.

    Raises:
        ValueError: a web address, since web servers do not list their files.
        StorageError: the service fails, or refuses access.
    """
    _refuse_web(root)
    return sorted(_below(root, lambda name: name.lower().endswith(endings)))


def globbed(pattern: str) -> list[str]:
    """The URLs of the objects that a pattern with *, **, ? or [...] matches as `glob` does, sorted. A URL without these
    is its own match, whether or not it exists, and so is one with them that does, as a path of this machine.

    Raises:
        ValueError: a pattern for a web server, which does not list its files, or as `check_address`.
        StorageError: the service fails, or refuses access.
    """
    check_address(pattern)
    key = pattern.partition("://")[2].partition("/")[2]  # hosts may have brackets: http://[::1]/a.tar
    varied = re.search(r"[*?[].*", key, re.DOTALL)
    if varied is None:
        return [pattern]
    folder = pattern.removesuffix(varied[0]).rpartition("/")[0]
    _refuse_web(folder)
    if _exists(pattern):
        return [pattern]
    wanted = pattern[len(folder) + 1 :].split("/")
    found = _below(folder, lambda name: _matches(name.split("/"), wanted))
    return [joined(folder, name) for name in sorted(found)]


def _below(root: str, wanted: Callable[[str], bool]) -> set[str]:
    """The wanted ones of the objects at any depth below a URL, as paths below it.

    Raises:
        StorageError: the service lists one twice, as when its pages overlap or never end.
    """

    def names(store: Store, key: str) -> set[str]:
        found: set[str] = set()
        for name in filter(wanted, store.names(_folder(key))):
            if name in found:
                raise stopped(
                    joined(root, name),
                    "the service lists the object twice, so its listing, which may lack others, cannot be relied on; "
                    "give a list or manifest of the files instead",
                )
            found.add(name)
        return found

    return attempted(root, names)


def _exists(url: str) -> bool:
    try:
        attempted(url, lambda store, key: store.state(key))
    except FileNotFoundError:
        return False
    return True


def _matches(parts: list[str], wanted: list[str]) -> bool:
    """Whether a path matches a pattern, both in parts, of which ** stands for any number."""
    reached = _after_folders({0}, wanted)
    for part in parts:
        fitting = {at for at in reached if at < len(wanted) and _fits(part, wanted[at])}
        reached = _after_folders({at + (wanted[at] != "**") for at in fitting}, wanted)
    return len(wanted) in reached


def _after_folders(reached: set[int], wanted: list[str]) -> set[int]:
    """The places in a pattern, and those that follow because a ** may also stand for nothing."""
    for at, part in enumerate(wanted):
        if part == "**" and at in reached:
            reached = reached | {at + 1}
    return reached


def _fits(part: str, wanted: str) -> bool:
    """As for `glob`, wildcards match no name that begins with a dot."""
    return fnmatch.fnmatchcase(part, wanted) and (wanted.startswith(".") or not part.startswith("."))


def _refuse_web(url: str) -> None:
    if scheme_of(url) in WEB:
        raise ValueError(
            f"{url!r}: web servers do not list their files; give a list or manifest of them, or the names of tar shards"
        )


def _place(name: str) -> tuple[str, str]:
    folder, _, file = name.rpartition("/")
    return folder, file


def _folder(key: str) -> str:
    return f"{key.rstrip('/')}/" if key else ""
