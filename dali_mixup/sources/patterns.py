"""Names of several files in one: shell braces and wildcards."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable

from dali_mixup.sources.braces import expanded
from dali_mixup.sources.remote.listing import globbed
from dali_mixup.sources.remote.urls import is_url

_OURS = (".index.npz", ".index", ".partial")
"""Endings of the files that we write beside data: the indices of archives and lists, and what is being written."""

_JOINT = re.compile(r"::(?![0-9A-Fa-f:.]*\])")
"""What joins patterns; not the colons of an IPv6 address, as in http://[::1]/a.tar."""


def existing_files(patterns: Iterable[str]) -> list[str]:
    """The files of paths that may be patterns, in their order; those of a wildcard are sorted by name.

    Several patterns may be joined by `::`, as in webdataset. A path that exists is no pattern; URLs without wildcards
    are taken as they are. Wildcards are those of `glob`, with `**` for any number of folders; they match no names that
    begin with a dot, and not our own files, such as indices.

    Raises:
        FileNotFoundError: a pattern that matches no file, or braces of which a name does not exist.
        ValueError: webdataset's `pipe:`, the output of a command, which cannot be read at random.
    """
    found: list[str] = []
    for pattern in (part for given in patterns for part in _parts(given)):
        if pattern.startswith("pipe:"):
            raise ValueError(
                f"{pattern!r} is the output of a command, which cannot be read at random, so neither be shuffled nor "
                "resumed; write it to a file first"
            )
        names = [pattern] if os.path.exists(pattern) else expanded(pattern)
        missing = []
        for name in names:
            matches = globbed(name) if is_url(name) else _local(name)
            matches = [match for match in matches if match == name or not match.endswith(_OURS)]
            found += matches
            missing += [] if matches else [name]
        if missing and len(names) > 1:
            raise FileNotFoundError(
                f"{len(missing)} of the {len(names)} files of {pattern!r} do not exist, such as {missing[0]!r}"
            )
        if missing:
            raise FileNotFoundError(f"the file or folder {pattern!r} does not exist")
    return found


def _local(name: str) -> list[str]:
    if os.path.exists(name):
        return [name]
    found = set(glob.glob(name, recursive=True))  # several ** may lead to a file in more than one way
    if name.endswith("/**"):  # an object store has no folders, and what is in them is listed
        found = {match for match in found if not os.path.isdir(match)}
    return sorted(found)


def _parts(given: str) -> list[str]:
    return [given] if os.path.exists(given) else _JOINT.split(given)
