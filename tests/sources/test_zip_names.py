"""The names in a zip file are those of the folder that was zipped, whichever program zipped it."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torchvision.datasets import ImageFolder

from dali_mixup.sources import ZipArchives, open_source
from dali_mixup.sources.archives.pieces import ArchiveError
from dali_mixup.sources.archives.zip_fields import Name, name_of

UNIX, MACOS, DOS, NTFS = 3, 19, 0, 10
UTF8_FLAG = 1 << 11
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


def unicode_path(raw: bytes, name: bytes) -> bytes:
    """Info-ZIP's extra field for the name of a member."""
    content = struct.pack("<BL", 1, zlib.crc32(raw)) + name
    return struct.pack("<HH", 0x7075, len(content)) + content


class Unmarked(zipfile.ZipInfo):
    """A member without the flag that says UTF-8, which Python's zipfile always sets."""

    encoding = "utf-8"

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode(self.encoding), self.flag_bits


def as_others_write(path: Path, names: list[str], system: int, encoding: str = "utf-8") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            info = Unmarked(name)
            info.create_system, info.encoding = system, encoding
            archive.writestr(info, name.encode())
    return path


FILES = ["ä/1.jpg", "â/1.jpg", "b/1.jpg", "日本/1.jpg"]


@pytest.mark.skipif(shutil.which("zip") is None, reason="needs Info-ZIP's zip")
def test_a_folder_zipped_on_linux_has_the_labels_of_the_folder(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / "train" / name).parent.mkdir(parents=True)
        (tmp_path / "train" / name).write_bytes(name.encode())
    subprocess.run(["zip", "-q", "-0", "-r", "../t.zip", "."], cwd=tmp_path / "train", check=True)
    with zipfile.ZipFile(tmp_path / "t.zip") as archive:
        assert not any(info.flag_bits & UTF8_FLAG for info in archive.infolist())
    oracle, source = ImageFolder(str(tmp_path / "train")), open_source(tmp_path / "t.zip")
    assert list(source.classes) == oracle.classes and list(source.targets) == oracle.targets
    assert [source.encoded(i) for i in range(4)] == [Path(name).read_bytes() for name, _ in oracle.samples]


@pytest.mark.parametrize("system", [UNIX, MACOS])
def test_utf_8_without_its_flag_from_systems_that_have_it(tmp_path: Path, system: int) -> None:
    source = open_source(as_others_write(tmp_path / "t.zip", FILES, system))
    assert source.classes == ("b", "â", "ä", "日本") and not source.remarks
    assert [source.encoded(i).decode() for i in range(4)] == [source.key(i)[6:] for i in range(4)]


def test_the_list_of_swin_transformer_names_such_paths(tmp_path: Path) -> None:
    as_others_write(tmp_path / "train.zip", FILES, UNIX)
    (tmp_path / "train_map.txt").write_text("ä/1.jpg\t7\n日本/1.jpg\t0\n", encoding="utf-8")
    source = open_source(tmp_path / "train.zip")
    assert list(source.targets) == [7, 0] and source.encoded(1).decode() == "日本/1.jpg"


@pytest.mark.parametrize("system", [UNIX, DOS, NTFS])
def test_other_bytes_are_code_page_437_with_a_remark(tmp_path: Path, system: int) -> None:
    path = as_others_write(tmp_path / "t.zip", ["é/1.jpg", "b/1.jpg"], system, "cp437")
    source = open_source(path)
    assert source.classes == ("b", "é")
    (remark,) = source.remarks
    assert "taken as code page 437: 1, such as 'é/1.jpg'" in remark.text


SPELT = {
    "./cat/1.jpg": "cat/1.jpg",
    "dog//./1.jpg": "dog/1.jpg",
    "./emu/./x/2.jpg": "emu/x/2.jpg",
    ".//a.jpg": "a.jpg",
}


def test_parts_of_a_path_that_lead_nowhere_make_no_class(tmp_path: Path) -> None:
    """Names as `zip` would write them and as others do are one folder when they are extracted."""
    path = as_others_write(
        tmp_path / "t.zip", ["./", "./cat/", *SPELT, "emu/1.jpg", "./__MACOSX/cat/._1.jpg"], UNIX
    )
    with zipfile.ZipFile(path) as archive:
        # Python 3.12 cannot extract "./" itself.
        names = [name for name in archive.namelist() if name != "./" and "MACOSX" not in name]
        archive.extractall(tmp_path / "train", names)
    oracle, source = ImageFolder(str(tmp_path / "train")), open_source(path)
    assert list(source.classes) == oracle.classes == ["cat", "dog", "emu"]
    assert list(source.targets) == oracle.targets
    keys = ["cat/1.jpg", "dog/1.jpg", "emu/1.jpg", "emu/x/2.jpg"]
    assert [source.key(i) for i in range(4)] == [f"t.zip/{key}" for key in keys]
    assert [source.encoded(i) for i in range(4)] == [Path(name).read_bytes() for name, _ in oracle.samples]
    for folder in ("emu", "./emu/", "/.//emu", "emu/."):
        inner = ZipArchives(path, folder=folder)
        assert inner.classes == ("x",) and inner.key(0) == "t.zip/emu/x/2.jpg"
    for folder in ("", ".", "./", "/"):
        assert ZipArchives(path, folder=folder).fingerprint() == source.fingerprint()


def test_a_list_names_members_by_any_spelling(tmp_path: Path) -> None:
    path = as_others_write(tmp_path / "t.zip", list(SPELT), UNIX)
    for listed in (SPELT, SPELT.values(), [f".//{name}" for name in SPELT.values()]):
        (tmp_path / "t_map.txt").write_text("".join(f"{name}\t{row}\n" for row, name in enumerate(listed)))
        source = open_source(path)
        assert list(source.targets) == [0, 1, 2, 3]
        assert [source.encoded(row).decode() for row in range(4)] == list(SPELT)
    (tmp_path / "t_map.txt").write_text("cat/1.jpg\t0\n./cat/1.jpg\t1\n")
    with pytest.raises(ValueError, match=r"map\.txt' lists 1 paths more than once"):
        open_source(path)


@pytest.mark.parametrize("other", ["./a/1.jpg", "a//1.jpg", "a/./1.jpg"])
def test_two_spellings_of_one_path_are_refused(tmp_path: Path, other: str) -> None:
    path = as_others_write(tmp_path / "t.zip", ["a/1.jpg", other], UNIX)
    with pytest.raises(ValueError, match=r"'a/1\.jpg' is stored twice, at offsets 0 and \d+"):
        open_source(path)


@pytest.mark.parametrize("name", ["/a/1.jpg", "//a/1.jpg", "/./a/1.jpg", "./../a/1.jpg", "a/.//../b/1.jpg"])
def test_paths_that_leave_the_folder_are_refused_in_any_spelling(tmp_path: Path, name: str) -> None:
    path = as_others_write(tmp_path / "t.zip", [name], UNIX)
    with pytest.raises(ValueError, match=r"has an absolute path, or one with `\.\.`"):
        open_source(path)


@given(names)
def test_the_name_in_unicode_counts_if_it_belongs_to_the_name(name: str) -> None:
    raw = b"a/?.jpg"
    for made_by, flags in ((DOS << 8 | 63, 0), (UNIX << 8 | 30, UTF8_FLAG)):
        other = struct.pack("<HH", 0x5455, 5) + bytes(5)
        extra = other + unicode_path(raw, name.encode())
        assert name_of(raw, made_by, flags, extra) == Name(name, False)
        assert name_of(b"a/!.jpg", made_by, flags, extra) == Name("a/!.jpg", False), "of another name"


@given(st.binary(max_size=30), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=30))
def test_any_name_has_letters(raw: bytes, made_by: int, flags: int, extra: bytes) -> None:
    found = name_of(raw, made_by, flags, extra)
    assert found.guessed <= (not raw.isascii())
    encoding = "cp437" if found.guessed else "utf-8"
    assert found.text.encode(encoding, "surrogateescape") == raw or not raw.isascii()


def test_a_damaged_name_in_unicode_is_an_error() -> None:
    with pytest.raises(ArchiveError, match="is not UTF-8: it is damaged"):
        name_of(b"a", 0, 0, unicode_path(b"a", b"\xff\xfe"))
