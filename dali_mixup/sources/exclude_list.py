"""Exclude lists: the samples `dali-mixup check` found unfit, one JSON object per line.

{"path": "n01440764/a.JPEG", "problem": "truncated"}

JSON because file names may hold blanks, tabs and line breaks. Only the path, a key of the source, is needed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable


def write_exclude_list(file: str | os.PathLike[str], rows: Iterable[tuple[str, str]]) -> None:
    """Write (key, problem) rows to `file`."""
    with open(file, "w", encoding="ascii", newline="\n") as out:
        out.writelines(json.dumps({"path": key, "problem": problem}) + "\n" for key, problem in rows)


def read_exclude_list(file: str | os.PathLike[str]) -> list[str]:
    """The keys in `file`. Raises ValueError that names a line which is not of the form above."""
    keys = []
    with open(file, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                path = json.loads(line)["path"]
                if not isinstance(path, str):
                    raise TypeError
            except (ValueError, KeyError, TypeError):
                raise ValueError(
                    f'{os.fspath(file)}, line {number}: expected {{"path": "..."}}, got {line!r}'
                ) from None
            keys.append(path)
    return keys
