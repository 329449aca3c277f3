"""Zip files of more than 2 GiB, where zipfile writes the larger records, are read as zipfile reads them."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from dali_mixup.sources import open_source

MEMBERS = {"a/1.jpg": b"one", "b/1.jpg": b"two" * 40}


def write_at(path: Path, start: int, comment: bytes = b"") -> None:
    """An archive from offset `start` on, in a file whose beginning takes no disk."""
    with open(path, "wb") as file:
        file.seek(start)
        with zipfile.ZipFile(file, "w") as archive:
            archive.comment = comment
            for name, content in MEMBERS.items():
                archive.writestr(name, content)


def shifted(path: Path, start: int, by: int) -> Path:
    """The archive behind some bytes more, of which its offsets know nothing."""
    moved = path.with_name("moved.zip")
    with open(path, "rb") as source, open(moved, "wb") as file:
        source.seek(start)
        file.seek(start + by)
        file.write(source.read())
    return moved


@pytest.mark.parametrize("comment", [b"", b"of the archive"])
@pytest.mark.parametrize("start", [0, 2**31 - 150, 2**31 + 1000, 2**32 - 150, 2**32 + 1000])
def test_archives_around_2_and_4_gib(tmp_path: Path, start: int, comment: bytes) -> None:
    path = tmp_path / "big.zip"
    write_at(path, start, comment)
    for each in (path, shifted(path, start, 77)):
        with zipfile.ZipFile(each) as archive:
            assert {name: archive.read(name) for name in archive.namelist()} == MEMBERS
        source = open_source(each)
        assert {source.key(at).partition("/")[2]: source.encoded(at) for at in range(2)} == MEMBERS


def test_the_larger_record_counts_whatever_the_other_one_holds(tmp_path: Path) -> None:
    """Writers may repeat its numbers in the last record or not, each on its own."""
    path = tmp_path / "t.zip"
    write_at(path, 0)
    content = path.read_bytes()
    at = content.rindex(b"PK\5\6")
    count, size, start = struct.unpack_from("<H2L", content, at + 10)
    larger = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    for counts in (count, 0xFFFF):
        for numbers in ((size, start), (0xFFFFFFFF, start), (size, 0xFFFFFFFF)):
            last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, counts, counts, *numbers, 0)
            path.write_bytes(content[:at] + larger + locator + last)
            with zipfile.ZipFile(path) as archive:
                assert archive.namelist() == list(MEMBERS)
            assert len(open_source(path)) == 2


def test_a_comment_that_looks_like_a_locator_is_a_comment(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    member = zipfile.ZipInfo("b/1.jpg")
    member.comment = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/1.jpg", b"one")
        archive.writestr(member, b"two")
    source = open_source(path)
    assert [source.encoded(at) for at in range(2)] == [b"one", b"two"]
