"""Zip files are read as zipfile and torchvision's ImageFolder read them, and what cannot be read is named."""

from __future__ import annotations

import logging
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import ImageFolder

from dali_mixup import BadFileError, Skip, train_loader
from dali_mixup.sources import ZipArchives, open_source
from tests.sources.kinds import pictures
from tests.tars import contents

Members = dict[str, bytes]


def write_zip(path: Path, members: Members, method: int = zipfile.ZIP_STORED, **options: object) -> Path:
    with zipfile.ZipFile(path, "w", method, **options) as archive:  # type: ignore[arg-type]
        for name, content in members.items():
            archive.writestr(name, content)
    return path


PLAIN = {"b/2.jpg": b"b2", "a/10.jpg": b"a10", "a/2.png": b"a2" * 90, "a/sub/1.JPEG": b"a1", "b/1.jpg": b"b1"}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_class_folders_are_torchvisions(tmp_path: Path, method: int) -> None:
    path = write_zip(tmp_path / "train.zip", {**PLAIN, "ä/.1.jpg": b"x", "a-b/1.jpg": b"y"}, method)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "train")
    oracle, source = ImageFolder(str(tmp_path / "train")), open_source(path)
    assert list(source.classes) == oracle.classes and list(source.targets) == oracle.targets
    below = [str(Path(name).relative_to(tmp_path / "train")) for name, _ in oracle.samples]
    assert [source.key(at) for at in range(len(source))] == [f"train.zip/{name}" for name in below]
    assert contents(source) == [Path(name).read_bytes() for name, _ in oracle.samples]
    assert type(source) is ZipArchives


def test_a_list_beside_the_file_as_swin_transformer_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_zip(tmp_path / "train.zip", PLAIN)
    (tmp_path / "train_map.txt").write_text("b/1.jpg\t7\na/10.jpg\t0\n")
    with caplog.at_level(logging.INFO, "dali_mixup"):
        source = open_source(path)
    assert [source.key(at) for at in range(2)] == ["train.zip/b/1.jpg", "train.zip/a/10.jpg"]
    assert list(source.targets) == [7, 0] and contents(source) == [b"b1", b"a10"]
    assert sum("train_map.txt" in line for line in caplog.messages) == 1
    assert any("does not name them: 3, such as 'b/2.jpg'" in remark.text for remark in source.remarks)
    (tmp_path / "other.tsv").write_text("1.jpg\tdog\n2.jpg\tcat\n")
    named = ZipArchives(
        path,
        labels=tmp_path / "other.tsv",
        folder="b",
        classes=source.with_classes(["cat", *"bcdefgh", "dog"]).class_map,
    )
    assert list(named.targets) == [8, 0]
    (tmp_path / "train_map.txt").write_text("b/1.jpg\t7\nc/1.jpg\t0\n")
    with pytest.raises(
        ValueError, match=r"1 of the 2 images listed in .*map\.txt' are not in .*such as 'c/1\.jpg'.*folder="
    ):
        open_source(path)
    (tmp_path / "train_map.txt").write_text("b/1.jpg\t7\nb/1.jpg\t0\n")
    with pytest.raises(ValueError, match=r"map\.txt' lists 1 paths more than once"):
        open_source(path)


def test_several_files_are_one_data_set(tmp_path: Path) -> None:
    write_zip(tmp_path / "t-0.zip", {"b/1.jpg": b"1"})
    write_zip(tmp_path / "t-1.zip", {"b/1.jpg": b"2", "a/1.jpg": b"3"})
    source = open_source(str(tmp_path / "t-{0..1}.zip"))
    assert source.classes == ("a", "b") and list(source.targets) == [1, 0, 1]
    assert contents(source) == [b"1", b"3", b"2"]
    (tmp_path / "all.txt").write_text("a/1.jpg 4\n")
    assert list(
        ZipArchives([tmp_path / "t-0.zip", tmp_path / "t-1.zip"], labels=tmp_path / "all.txt").targets
    ) == [4]


def test_a_file_without_members_is_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "none.zip", {})
    with pytest.raises(ValueError, match=r"none\.zip' holds no class folders and no images: "):
        open_source(path)
    with pytest.raises(ValueError, match=r"t\.zip' holds no class folders: "):
        open_source(write_zip(tmp_path / "t.zip", {"1.jpg": b"x"}))
    other = write_zip(tmp_path / "other.zip", PLAIN)
    assert len(open_source([path, other])) == len(PLAIN), "as with an empty tar"


def test_a_folder_in_the_file(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "t.zip", {f"data/train/{name}": content for name, content in PLAIN.items()})
    source = open_source(path)
    assert source.classes == ("data",) and any(
        "one level too high" in remark.text for remark in source.remarks
    )
    assert any(remark.unfit for remark in source.remarks)
    for folder in ("data/train", "/data/train/"):
        inner = ZipArchives(path, folder=folder)
        assert (
            inner.classes == ("a", "b") and inner.key(0) == "t.zip/data/train/a/10.jpg" and not inner.remarks
        )
    with pytest.raises(ValueError, match=r"t\.zip.* holds no class folders"):
        ZipArchives(path, folder="data/val")
    with pytest.raises(TypeError, match="folder=3"):
        ZipArchives(path, folder=3)  # type: ignore[arg-type]


def test_folders_without_images_are_refused_unless_classes_are_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "t.zip", {**PLAIN, "c/": b"", "d/notes.txt": b""})
    with pytest.raises(ValueError, match=r"2 of 4 class folders of .* hold no image: 'c', 'd'"):
        open_source(path)
    assert open_source(path, classes=["b", "a", "c", "d"]).num_classes == 4


def test_what_else_is_in_the_file_is_said(tmp_path: Path) -> None:
    others = {"__MACOSX/a/._10.jpg": b"", "readme.txt": b"", "cover.jpg": b"", "a/list.csv": b""}
    source = open_source(write_zip(tmp_path / "t.zip", {**PLAIN, **others}))
    assert len(source) == len(PLAIN)
    text = "\n".join(remark.text for remark in source.remarks)
    for finding in (
        "macOS, not images, left out: 1",
        "not images: 2, such as 'readme.txt'",
        "outside the class folders: 1, such as 'cover.jpg'",
    ):
        assert finding in text


def test_names_of_old_programs_are_cp437_and_of_new_ones_utf_8(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "t.zip", {"a/\u00e9.jpg": b"new", "a/plain.jpg": b"x"})
    raw = path.read_bytes().replace(
        b"a/plain.jpg", b"a/pl\x82in.jpg"
    )  # 0x82 is an e with an acute accent in cp437
    path.write_bytes(raw)
    with zipfile.ZipFile(path) as archive:
        expected = {f"t.zip/{name}" for name in archive.namelist()}
    source = open_source(path)
    assert {source.key(at) for at in range(2)} == expected == {"t.zip/a/\u00e9.jpg", "t.zip/a/pl\u00e9in.jpg"}


def test_zip64_and_bytes_before_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in PLAIN.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    whole = contents(open_source(path))
    path.write_bytes(b"#!/bin/sh\nexit\n" + path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    assert contents(open_source(path)) == whole


def test_more_members_than_16_bits_count(tmp_path: Path) -> None:
    """zipfile writes a zip64 directory then, since the number of members does not fit the last record."""
    count = 66_000
    path = write_zip(tmp_path / "t.zip", {f"{at % 3}/{at}.jpg": b"%d" % at for at in range(count)})
    source = open_source(path)
    assert len(source) == count
    for at in (0, 12_345, count - 1):
        assert source.key(at).endswith(f"/{source.encoded(at).decode()}.jpg")
    path.write_bytes(b"before" + path.read_bytes())
    assert open_source(path).encoded(12_345) == source_bytes(path, open_source(path).key(12_345))


def source_bytes(path: Path, key: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(key.partition("/")[2])


def test_members_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    for method, kind in ((zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")):
        path = write_zip(tmp_path / "m.zip", PLAIN, method)
        with pytest.raises(
            ValueError,
            match=rf"m\.zip' cannot be read as a zip file: 'a/10\.jpg' at offset \d+ is compressed with {kind}",
        ):
            open_source(path)
    path = write_zip(tmp_path / "e.zip", {"a/1.jpg": b"secret"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"'a/1\.jpg' at offset 0 is encrypted"):
        open_source(path)
    for name in ("../a/1.jpg", "/a/1.jpg", "a/../../1.jpg"):
        with pytest.raises(ValueError, match=r"has an absolute path, or one with `\.\.`"):
            open_source(write_zip(tmp_path / "u.zip", {name: b"x"}))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for content_of_it in (b"old", b"new"):
            archive.writestr("a/1.jpg", content_of_it)
    with pytest.raises(ValueError, match=r"'a/1\.jpg' is stored twice, at offsets 0 and \d+"):
        open_source(tmp_path / "d.zip")


def test_a_bomb_gives_no_more_than_it_states(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "t.zip", {"a/1.jpg": bytes(50_000_000), "a/2.jpg": b"x"}, zipfile.ZIP_DEFLATED
    )
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2")
    content[at + 24 : at + 28] = struct.pack("<L", 1000)
    path.write_bytes(bytes(content))
    source = open_source(path)
    with pytest.raises(ValueError, match="does not inflate to the 1000 bytes that the directory states"):
        source.feed(np.array([0]))
    content[at + 24 : at + 28] = struct.pack("<L", 0xFFFFFFFE)
    path.write_bytes(bytes(content))
    with pytest.raises(
        ValueError, match=r"'a/1\.jpg' at offset 0 states 4294967294 bytes, expected at most 2147479552"
    ):
        open_source(path)


def test_members_that_overlap_are_refused(tmp_path: Path) -> None:
    """One compressed stream for many members: 42 kB that inflate to terabytes (Fifield 2019, "A better zip bomb")."""
    path = write_zip(tmp_path / "t.zip", {"a/1.jpg": bytes(5000), "a/2.jpg": bytes(5000)})
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\1\2")
    content[second + 42 : second + 46] = struct.pack("<L", 0)
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"the member 'a/\d\.jpg' at offset 0 reaches into the one at 0"):
        open_source(path)


def test_damaged_members_are_bad_samples(tmp_path: Path) -> None:
    made = pictures()
    path = write_zip(tmp_path / "t.zip", {one.key: one.encoded for one in made}, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        offsets = [archive.getinfo(one.key).header_offset for one in made]
    content[offsets[3]] ^= 1  # the signature of a local header
    content[offsets[5] + 200] ^= 1  # compressed data
    content[offsets[7] + 8] ^= 8  # the method in a local header
    path.write_bytes(bytes(content))
    source = open_source(path)
    for row, reason in (
        (3, "header before its content is damaged"),
        (5, "inflate|checksum"),
        (7, "another compression"),
    ):
        with pytest.raises(ValueError, match=reason):
            source.feed(np.array([row]))
    options = {"batch_size": 4, "image_size": 16, "device": "cpu", "drop_last": False}
    with train_loader(path, **options, bad_files=Skip()) as loader:
        assert len(list(loader)) == len(loader)
        assert set(loader.skipped) == {source.name(row) for row in (3, 5, 7)}
    with train_loader(path, **options) as loader, pytest.raises(BadFileError, match=r"t\.zip/"):
        list(loader)


def test_the_checksum_of_stored_members_is_compared(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "t.zip", {"a/1.jpg": b"\xff\xd8 image"})
    path.write_bytes(path.read_bytes().replace(b" image", b" Image"))
    with pytest.raises(ValueError, match="do not match their checksum"):
        open_source(path).feed(np.array([0]))
    with pytest.raises(ValueError, match=r"t\.zip/a/1\.jpg': its bytes do not match their checksum"):
        open_source(path)[0]


def test_damaged_directories_are_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "t.zip", PLAIN)
    whole = path.read_bytes()
    start = whole.index(b"PK\1\2")
    for size in range(0, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"t\.zip' cannot be read as a zip file: .*cut short"):
            open_source(path)
    for wrong, message in (
        (whole[:start] + b"PX" + whole[start + 2 :], rf"no entry of the directory at offset {start}"),
        (
            whole[:-12] + struct.pack("<HLL", 4, *struct.unpack("<LL", whole[-10:-2])) + whole[-2:],
            r"lists 5 members, but states|several volumes",
        ),
        (whole[:-14] + struct.pack("<HH", 4, 4) + whole[-10:], "lists 5 members, but states 4"),
        (whole[:-6] + struct.pack("<L", 1 << 30) + whole[-2:], r"does not end at offset"),
        (whole + b"behind", "no zip directory"),
    ):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=rf"t\.zip' cannot be read as a zip file: .*({message})"):
            open_source(path)
    path.write_bytes(whole[:-2] + struct.pack("<H", 5) + b"note.")
    assert len(open_source(path)) == len(PLAIN), "a comment at the end"
    assert zlib.crc32(contents(open_source(path))[0]) == zlib.crc32(PLAIN["a/10.jpg"])


def test_names_of_any_length_are_shortened_in_messages(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "t.zip", {f"a/../{'x' * 60_000}.jpg": b"x", "a/1.jpg": b"y"})
    with pytest.raises(
        ValueError, match=r"'a/\.\./xx+\.\.\.x+\.jpg' at offset 0 has an absolute path"
    ) as caught:
        open_source(path)
    assert len(str(caught.value)) < 600
