"""The links in a tar: followed as extraction follows them, inside one archive."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from dali_mixup.sources import TarShards
from tests.tars import contents, pair, special, write_tar

gnu_tar = pytest.mark.skipif(shutil.which("tar") is None, reason="needs GNU tar")


@gnu_tar
@pytest.mark.parametrize("form", ["gnu", "posix", "ustar", "v7"])
def test_hard_links_hold_what_they_link_to(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    for k in range(3):
        (folder / f"{k}.jpg").write_bytes(b"picture %d" % k)
        (folder / f"{k}.cls").write_text(str(k))
    for name in ("2.jpg", "1.cls"):
        (folder / name).unlink()
        os.link(folder / f"0{name[1:]}", folder / name)
    subprocess.run(
        ["tar", "--sort=name", f"--format={form}", "-cf", tmp_path / "h.tar", "-C", folder, "."], check=True
    )
    source = TarShards([tmp_path / "h.tar"])
    assert contents(source) == [b"picture 0", b"picture 1", b"picture 0"] and source.labels.tolist() == [
        0,
        0,
        2,
    ]


def test_links_are_followed_inside_the_shard_only(tmp_path: Path) -> None:
    def linked(kind: bytes, target: str) -> TarShards:
        files = [*pair(0), ("s/0001.jpg", special(kind, target)), ("s/0001.cls", b"1")]
        return TarShards([write_tar(tmp_path / "l.tar", files)])

    assert contents(linked(tarfile.SYMTYPE, "0000.jpg"))[1] == pair(0)[0][1]
    assert contents(linked(tarfile.SYMTYPE, "../s/./0000.jpg"))[1] == pair(0)[0][1]
    assert contents(linked(tarfile.LNKTYPE, "./s/0000.jpg"))[1] == pair(0)[0][1]
    for kind, target in (
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "s/0000.jpg"),
        (tarfile.LNKTYPE, "x"),
    ):
        with pytest.raises(
            ValueError, match=rf"l\.tar': member 's/0001\.jpg' at offset \d+ is a .* to '{target}'"
        ):
            linked(kind, target)
    with pytest.raises(ValueError, match="a symbolic link, which cannot be read"):
        linked(tarfile.SYMTYPE, "0001.jpg")


def repeated_names(last: bytes = b"0") -> list[tuple[str, bytes | tarfile.TarInfo]]:
    """A name that comes again later, and links to it between its two members."""
    hard, symbolic = special(tarfile.LNKTYPE, "0.jpg"), special(tarfile.SYMTYPE, "0.jpg")
    return [
        *(("0.jpg", b"first" + last), ("0.cls", b"0" + last)),
        *(("1.jpg", hard), ("1.cls", special(tarfile.LNKTYPE, "0.cls"))),
        *(("2.jpg", special(tarfile.LNKTYPE, "1.jpg")), ("2.cls", b"2")),
        *(("3.jpg", symbolic), ("3.cls", b"3")),
        *(("0.jpg", b"later" + last), ("0.cls", b"4" + last)),
        *(("5.jpg", special(tarfile.LNKTYPE, "./0.jpg")), ("5.cls", b"5")),
    ]


def test_a_name_that_comes_again_is_linked_to_as_in_tarfile(tmp_path: Path) -> None:
    """A hard link leads to the member before it, a symbolic link to the one that extraction leaves."""
    path = write_tar(tmp_path / "r.tar", repeated_names())
    with tarfile.open(path) as tar:
        images: list[Any] = [tar.extractfile(member) for member in tar if member.name.endswith("jpg")]
        expected = [image.read() for image in images]
    source = TarShards([path])
    assert contents(source) == expected and expected[1] == expected[2] == b"first0"
    assert source.labels.tolist() == [0, 0, 2, 3, 40, 5]


@gnu_tar
def test_a_name_that_comes_again_is_linked_to_as_in_gnu_tar(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "r.tar", repeated_names())
    (tmp_path / "x").mkdir()
    subprocess.run(["tar", "-xf", path, "-C", tmp_path / "x"], check=True)
    source = TarShards([path])
    images = {source.key(row): image for row, image in enumerate(contents(source))}
    assert images == {f"r.tar/{k}.jpg": (tmp_path / "x" / f"{k}.jpg").read_bytes() for k in (0, 1, 2, 3, 5)}


def test_links_lead_to_members_of_their_own_archive(tmp_path: Path) -> None:
    whole = b""
    for last in (b"0", b"1"):
        whole += write_tar(tmp_path / "one.tar", repeated_names(last)).read_bytes()
    (tmp_path / "j.tar").write_bytes(whole)
    source = TarShards([tmp_path / "j.tar"])
    images = [b"first", b"first", b"first", b"later", b"later", b"later"]
    assert contents(source) == [image + last for last in (b"0", b"1") for image in images]
    assert source.labels.tolist() == [0, 0, 2, 3, 40, 5, 1, 1, 2, 3, 41, 5]


def test_links_to_what_extraction_would_not_find_are_refused(tmp_path: Path) -> None:
    hard = [("1.jpg", special(tarfile.LNKTYPE, "0.jpg")), ("1.cls", b"1")]
    original = [("0.jpg", b"A"), ("0.cls", b"0")]
    path = write_tar(tmp_path / "h.tar", [*hard, *original])
    with pytest.raises(
        ValueError,
        match=r"'1\.jpg' at offset 0 is a hard link to '0\.jpg', which is not before it in the archive",
    ):
        TarShards([path])
    joined = write_tar(tmp_path / "o.tar", original).read_bytes()
    for kind in (tarfile.LNKTYPE, tarfile.SYMTYPE):
        link = write_tar(tmp_path / "l.tar", [("1.jpg", special(kind, "0.jpg")), ("1.cls", b"1")])
        (tmp_path / "j.tar").write_bytes(joined + link.read_bytes())
        with pytest.raises(
            ValueError, match=r"j\.tar': member '1\.jpg' .* link to '0\.jpg', which is not .*archive"
        ):
            TarShards([tmp_path / "j.tar"])
