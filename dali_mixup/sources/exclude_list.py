"""Exclude lists: the samples `dali-mixup check` found unfit, one JSON object per line.

{"path": "n01440764/a.JPEG", "problem": "truncated"}

JSON because file names may hold blanks, tabs and line breaks. Only the path, a key of the source, is needed.
"""

from __future__ import annotations

import json
import os
import reprlib
from collections.abc import Iterable

from dali_mixup._files import replacing
from dali_mixup.sources.listed.lines import text_lines
from dali_mixup.sources.paths import existing_file


def write_exclude_list(file: str | os.PathLike[str], rows: Iterable[tuple[str, str]]) -> None:
    """Write (key, problem) rows to a file."""
    with replacing(file) as out:
        out.writelines(f"{json.dumps({'path': key, 'problem': problem})}\n".encode() for key, problem in rows)


def read_exclude_list(file: str | os.PathLike[str]) -> list[str]:
    """The keys in an exclude list.

    Raises:
        ValueError: a line that is not of the form above; the message quotes it.
        FileNotFoundError: the file does not exist.
    """
    path = existing_file(file)
    keys = []
    for number, line in enumerate(text_lines(path), start=1):
        try:
            key = json.loads(line)["path"]
            if not isinstance(key, str):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ValueError(
                f'{path}, line {number}: expected {{"path": "..."}}, got {reprlib.repr(line)}'
            ) from None
        keys.append(key)
    return keys
