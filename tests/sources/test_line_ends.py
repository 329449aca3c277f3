"""Line ends of the text files that are read: those of Unix and of Windows, and not those of old Macs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dali_mixup.sources import FileList, open_source

NUMBERS = FileList(["x.jpg", "y.jpg"], [0, 1], root="/images")
KINDS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "list": ("a.jpg 0\nb.jpg 1\n", lambda file: open_source(file).labels.tolist()),
    "names": (
        "cat\ndog\n",
        lambda file: [*map(("cat", "dog").index, open_source(NUMBERS, classes=file).classes)],
    ),
    "csv": ("path,label\na.jpg,0\nb.jpg,1\n", lambda file: open_source(file).labels.tolist()),
    "exclude": ("other.jpg\ny.jpg\n", lambda file: [0, len(open_source(NUMBERS, exclude=file))]),
}
SUFFIXES = {"csv": ".csv"}


def write(tmp_path: Path, kind: str, end: str, *, last: bool = True) -> Path:
    text = KINDS[kind][0].replace("\n", end)
    file = tmp_path / f"t{SUFFIXES.get(kind, '.txt')}"
    file.write_bytes((text if last else text.removesuffix(end)).encode())
    return file


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("kind", ["list", "names", "csv"])
def test_lines_of_unix_and_windows(tmp_path: Path, kind: str, end: str, last: bool) -> None:
    assert KINDS[kind][1](write(tmp_path, kind, end, last=last)) == [0, 1]


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_lines_of_old_macs_are_refused(tmp_path: Path, kind: str, last: bool) -> None:
    """They would be one line: one sample of a strange name."""
    file = write(tmp_path, kind, "\r", last=last)
    with pytest.raises(
        ValueError, match=rf"{file.name} ends its lines with carriage returns alone, as old Macs did; .*"
    ):
        KINDS[kind][1](file)


def test_a_single_line_may_end_so(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"a.jpg 3\r")
    assert open_source(tmp_path / "t.txt").labels.tolist() == [3]


def test_a_long_file_of_old_macs_is_not_one_long_line(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"a.jpg 3\r" * 200_000)
    with pytest.raises(ValueError, match="carriage returns alone"):
        open_source(tmp_path / "t.txt")
