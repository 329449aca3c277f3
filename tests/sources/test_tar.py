from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from dali_mixup.sources import Source, StorageError, TarShards, open_source
from dali_mixup.sources.archives import tar_index
from dali_mixup.sources.archives.open_files import OpenFiles


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def shard(path: Path, first: int, count: int) -> Path:
    files = {}
    for i in range(first, first + count):
        files |= {f"s/{i:04}.jpg": f"image {i}".encode() * (i + 1), f"s/{i:04}.cls": b"%d\n" % (i % 5)}
    return write_tar(path, files)


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    return [shard(tmp_path / "t-0.tar", 0, 7), shard(tmp_path / "t-1.tar", 7, 6)]


def contents(source: Source) -> list[bytes]:
    return [row.tobytes() for row in source.feed(np.arange(len(source)))]


def test_every_image_is_read_by_its_place(shards: list[Path]) -> None:
    source = TarShards(shards)
    assert contents(source) == [f"image {i}".encode() * (i + 1) for i in range(13)]
    assert source.labels.tolist() == [i % 5 for i in range(13)] and source.classes == tuple("01234")
    assert source.key(8) == "t-1.tar/s/0008.jpg" and source.name(0) == f"{shards[0]}/s/0000.jpg"
    assert [row.tobytes() for row in source.feed(np.array([12, 0]))] == [b"image 12" * 13, b"image 0"]
    assert not source.read_in_dali


def test_places_are_where_the_bytes_of_the_images_lie(shards: list[Path]) -> None:
    order = np.array([12, 0, 7])
    found = []
    for path, start, size in TarShards(shards).places(order):
        assert size is not None
        with open(path, "rb") as file:
            file.seek(start)
            found.append(file.read(size))
    assert found == [f"image {i}".encode() * (i + 1) for i in order]


def test_tarfile_and_webdataset_convention(tmp_path: Path) -> None:
    long = "folder/" + "é" * 120
    path = write_tar(
        tmp_path / "x.tar",
        {
            "a.b/007.cls": b" 3 ",
            "a.b/007.JPEG": b"first",
            "a.b/007.seg.png": b"not the image",
            "a.b/007.json": b"{}",
            "text-only.txt": b"no image, no sample",
            f"{long}.png": b"second",
            f"{long}.cls": b"1",
        },
    )
    source = TarShards([path], classes=["p", "q", "r", "s"])
    assert contents(source) == [b"first", b"second"]
    assert [source.key(i) for i in range(2)] == ["x.tar/a.b/007.JPEG", f"x.tar/{long}.png"]
    assert source.labels.tolist() == [3, 1] and source.classes == ("p", "q", "r", "s")


def test_open_source_takes_a_shard_a_pattern_and_a_list(shards: list[Path]) -> None:
    whole = TarShards(shards)
    for data in (shards, str(shards[0].parent / "t-*.tar"), [str(path) for path in shards]):
        assert open_source(data).fingerprint() == whole.fingerprint()
    assert len(open_source(shards[1])) == 6
    with pytest.raises(FileNotFoundError, match="nothing"):
        open_source(str(shards[0].parent / "nothing-*.tar"))


def test_subset_and_exclude_read_the_right_images(shards: list[Path]) -> None:
    rest = open_source(shards, exclude=["t-0.tar/s/0001.jpg", 12]).subset([1, 10])
    assert contents(rest) == [b"image 2" * 3, b"image 11" * 12]
    assert rest.labels.tolist() == [2, 1]


def test_the_index_is_kept_and_made_again_when_the_shard_changed(
    shards: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = TarShards(shards[:1])
    kept = Path(f"{shards[0]}.index.npz")
    assert kept.exists()
    with monkeypatch.context() as patch:
        patch.setattr(tar_index, "members", lambda *_: pytest.fail("an index that fits must be used"))
        assert TarShards(shards[:1]).fingerprint() == before.fingerprint()
    shard(shards[0], 100, 3)
    assert contents(TarShards(shards[:1]))[0].startswith(b"image 100")
    for broken in (b"", b"no index", kept.read_bytes()[:-40]):
        kept.write_bytes(broken)
        assert len(TarShards(shards[:1])) == 3


def test_index_files_can_be_kept_elsewhere(shards: list[Path], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "index").mkdir()
    twin = shard(tmp_path / "a" / "t-0.tar", 50, 2)
    source = TarShards([shards[0], twin], index_dir=tmp_path / "index")
    assert len(list((tmp_path / "index").iterdir())) == 2, "shards of one name keep apart"
    assert not list(tmp_path.glob("*.npz")) and len(source) == 9
    assert contents(TarShards([twin, shards[0]], index_dir=tmp_path / "index"))[0].startswith(b"image 50")
    with pytest.raises(NotADirectoryError, match="index_dir"):
        TarShards(shards, index_dir=tmp_path / "no")


def test_a_folder_that_cannot_be_written_costs_only_time(
    shards: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(os, "replace", refuse)
    assert len(TarShards(shards)) == 13


def test_more_shards_than_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenFiles, "MOST", 2)
    source = TarShards([shard(tmp_path / f"{i}.tar", i, 1) for i in range(5)])
    descriptors = len(os.listdir("/proc/self/fd"))
    order = np.array([0, 4, 1, 3, 2, 0, 0, 4])
    assert [row.tobytes() for row in source.feed(order)] == [f"image {i}".encode() * (i + 1) for i in order]
    assert len(os.listdir("/proc/self/fd")) == descriptors + 2
    del source
    assert len(os.listdir("/proc/self/fd")) == descriptors


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.jpg": b"x"}, "sample 'a' of .* has no label"),
        ({"a.jpg": b"x", "b.cls": b"1", "b.jpg": b"x"}, "sample 'a' of .* has no label"),
        ({"a.jpg": b"x", "a.cls": b"cat"}, "label of sample 'a' of .* is b'cat'"),
        ({"a.jpg": b"x", "a.cls": b"-1"}, r"label of .*a\.jpg' is -1, expected labels that count from 0"),
        ({"a.txt": b"x"}, "no images in 1 shards"),
        ({}, "no images in 1 shards"),
    ],
)
def test_bad_shards_are_named(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TarShards([write_tar(tmp_path / "bad.tar", files)])


def test_what_is_no_list_of_tars_is_refused(tmp_path: Path, shards: list[Path]) -> None:
    (tmp_path / "zip.tar").write_bytes(b"PK not a tar" * 100)
    with pytest.raises(ValueError, match=r"zip\.tar' cannot be read as an uncompressed tar"):
        TarShards([tmp_path / "zip.tar"])
    with pytest.raises(FileNotFoundError, match=r"missing\.tar"):
        TarShards([tmp_path / "missing.tar"])
    with pytest.raises(ValueError, match="one or more different files, got 2"):
        TarShards([shards[0], shards[0]])
    with pytest.raises(ValueError, match="one or more different files, got 0"):
        TarShards([])


def test_one_file_by_several_paths_is_not_two(
    tmp_path: Path, shards: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shards[0].parent)
    name = shards[0].name
    (tmp_path / "link.tar").symlink_to(shards[0])
    for other in (f"./{name}", shards[0], f"{name}::{shards[0]}", tmp_path / "link.tar"):
        with pytest.raises(
            ValueError, match=rf"different files, got .* and '.*(link|{shards[0].stem}).tar' are one file"
        ):
            TarShards([name, other])
    assert len(TarShards([name, shards[1]])) == len(TarShards(shards[:2]))


def test_a_shard_rewritten_while_it_is_open_is_named(shards: list[Path]) -> None:
    """Its size may be the same, and its members in other places."""
    source = TarShards(shards)
    contents(source)
    state = os.stat(shards[0])
    with shards[0].open("r+b") as file:
        file.seek(512)
        file.write(b"other")
    os.utime(shards[0], ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    with pytest.raises(StorageError, match=r"has changed since it was indexed.*t-0\.tar"):
        contents(source)


def test_a_shard_that_changes_after_it_was_indexed_is_named(shards: list[Path]) -> None:
    source = TarShards(shards)
    os.truncate(shards[1], 1000)
    with pytest.raises(StorageError, match=r"has changed since it was indexed.*t-1\.tar"):
        contents(source)
    source = TarShards(shards[:1])
    contents(source)
    os.truncate(shards[0], 1000)
    with pytest.raises(StorageError, match=r"has changed since it was indexed.*t-0\.tar"):
        contents(source)
