"""What a tar's members can be: holes, devices, long names, several images, labels."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from dali_mixup.sources import TarShards
from tests.tars import contents, pair, special, write_tar

THREE = pair(0) + pair(1) + pair(2)


IMAGES = [content for name, content in THREE if name.endswith("jpg")]


gnu_tar = pytest.mark.skipif(shutil.which("tar") is None, reason="needs GNU tar")


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "t.tar", THREE)


@gnu_tar
@pytest.mark.parametrize("form", ["gnu", "posix"])
@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0"])
def test_files_with_holes_are_refused_and_do_not_hide_what_follows(
    tmp_path: Path, form: str, version: str
) -> None:
    folder = tmp_path / "y"
    folder.mkdir()
    with open(folder / "0.bmp", "wb") as file:
        for at in range(8):  # more pieces than fit the first header of the old GNU form
            file.seek(at * 65536)
            file.write(b"x" * 4096)
        file.truncate(1 << 20)
    (folder / "0.cls").write_text("0")
    (folder / "1.jpg").write_bytes(b"one")
    (folder / "1.cls").write_text("1")
    version_option = [f"--sparse-version={version}"] if form == "posix" else []

    def pack(*names: str) -> Path:
        command = [
            "tar",
            "-S",
            f"--format={form}",
            *version_option,
            "-cf",
            tmp_path / "s.tar",
            "-C",
            folder,
            *names,
        ]
        subprocess.run(command, check=True)
        return tmp_path / "s.tar"

    with pytest.raises(ValueError, match=r"s\.tar': member '0\.bmp' at offset 0 is a file stored with holes"):
        TarShards([pack("0.bmp", "0.cls", "1.jpg", "1.cls")])
    os.rename(folder / "0.bmp", folder / "0.npy")
    source = TarShards([pack("0.npy", "0.cls", "1.jpg", "1.cls")])
    assert contents(source) == [b"one"] and "left out" in source.remarks[0].text


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_in_the_place_of_images_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = write_tar(tmp_path / "d.tar", [*pair(0), ("a.jpg", special(kind)), ("a.cls", b"0")])
    with pytest.raises(ValueError, match=r"member 'a\.jpg' at offset \d+ is a device, a pipe"):
        TarShards([path])
    path = write_tar(
        tmp_path / "d.tar", [("s", special(tarfile.DIRTYPE)), ("x.dev", special(kind)), *pair(0)]
    )
    assert len(TarShards([path])) == 1


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_odd_names(tmp_path: Path, form: int) -> None:
    stems = [
        "f/" + "n" * 300,
        "é" * 120,
        "d" * 200 + "/" + "x" * 200,
        "line\nbreak",
        "a b\tc",
        "\udcff\udcfe",
    ]
    files = [
        (f"{stem}.{e}", c)
        for k, stem in enumerate(stems)
        for e, c in (("jpg", b"%d" % k), ("cls", b"%d" % k))
    ]
    source = TarShards([write_tar(tmp_path / "n.tar", files, form)])
    assert [source.key(k) for k in range(len(stems))] == [f"n.tar/{stem}.jpg" for stem in stems]
    assert contents(source) == [b"%d" % k for k in range(len(stems))] and source.remarks == ()


def test_a_prefix_of_ustar(tmp_path: Path) -> None:
    name = "p" * 120 + "/" + "q" * 90
    files = [(f"{name}.jpg", b"x"), (f"{name}.cls", b"0")]
    assert (
        TarShards([write_tar(tmp_path / "u.tar", files, tarfile.USTAR_FORMAT)]).key(0) == f"u.tar/{name}.jpg"
    )


def test_global_attributes_change_nothing(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "g.tar", "w", pax_headers={"comment": "made by git"}) as tar:
        for name, content in THREE:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    assert contents(TarShards([tmp_path / "g.tar"])) == IMAGES


def test_one_of_several_images_is_taken_by_kind_not_by_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for order in (("jpg", "png", "cls"), ("png", "jpg", "cls"), ("cls", "png", "jpg")):
        content = {"jpg": b"PHOTO", "png": b"MASK", "cls": b"0"}
        files = [(f"{k}.{ending}", content[ending]) for k in range(2) for ending in order]
        caplog.clear()
        assert contents(TarShards([write_tar(tmp_path / "m.tar", files)])) == [b"PHOTO"] * 2
        assert "samples with several images: 2, such as '0.jpg' and '0.png'" in caplog.text


def test_a_name_twice_in_a_sample_is_refused(tmp_path: Path) -> None:
    files = [("0.jpg", b"A"), ("0.cls", b"0"), ("0.jpg", b"B"), ("0.cls", b"1")]
    with pytest.raises(
        ValueError, match=r"d\.tar': member '0\.jpg' at offset 2048 comes twice in one sample, first at"
    ):
        TarShards([write_tar(tmp_path / "d.tar", files)])
    with pytest.raises(ValueError, match=r"member '0\.JPG' at offset 1024 comes twice"):
        TarShards([write_tar(tmp_path / "d.tar", [("0.jpg", b"A"), ("0.JPG", b"B"), ("0.cls", b"0")])])


def test_parts_that_are_separated_are_pointed_out(tmp_path: Path) -> None:
    files = [("a.jpg", b"A"), ("b.jpg", b"B"), ("a.cls", b"0"), ("b.cls", b"1")]
    with pytest.raises(
        ValueError, match=r"sample 'a' of .* has no label: 'a\.cls' is at offset 2048, but between"
    ):
        TarShards([write_tar(tmp_path / "s.tar", files)])


def test_what_stands_between_the_parts_but_is_of_no_sample_separates_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = [
        ("README", b"no dot"),
        ("d/0.jpg", b"A"),
        ("d", special(tarfile.DIRTYPE)),
        ("d/._0.cls", b"companion of macOS"),
        ("d/LICENSE", b"x"),
        ("__meta__/info.json", b"{}"),
        ("pipe", special(tarfile.FIFOTYPE)),
        ("d/0.cls", b"3"),
        ("only.json", b"{}"),
        ("only.txt", b""),
    ]
    source = TarShards([write_tar(tmp_path / "b.tar", files)])
    assert contents(source) == [b"A"] and source.labels.tolist() == [3]
    assert "no sample with an image: 6, such as 'README'" in caplog.text
    caplog.clear()
    assert TarShards([tmp_path / "b.tar"]).remarks == source.remarks, "an index that was kept says so too"


def test_empty_archives(tmp_path: Path, shard: Path) -> None:
    (tmp_path / "e.tar").write_bytes(bytes(10240))
    assert len(TarShards([tmp_path / "e.tar", shard])) == 3
    with pytest.raises(ValueError, match="no images in 1 shards"):
        TarShards([tmp_path / "e.tar"])


@pytest.mark.parametrize("label", [b"1_0", b"\xd9\xa3", b"1.0", b"", b"1 2", b"9" * 40, b"0x1", b"1\x001"])
def test_labels_that_are_no_numbers_are_named(tmp_path: Path, label: bytes) -> None:
    path = write_tar(tmp_path / "t.tar", [("a.jpg", b"x"), ("a.cls", label)])
    with pytest.raises(
        ValueError, match=r"label of sample 'a' of .*t\.tar' is b.*member 'a\.cls' at offset 1024"
    ):
        TarShards([path])


def test_a_label_is_the_whole_member(tmp_path: Path) -> None:
    """However it is padded: a part of a number is another number."""

    def labels(*contents: bytes) -> list[int]:
        files = [
            part for k, label in enumerate(contents) for part in ((f"{k}.jpg", b"x"), (f"{k}.cls", label))
        ]
        return TarShards([write_tar(tmp_path / "t.tar", files)]).labels.tolist()

    assert labels(b"%34d\n" % 123, b"7" + b" " * 255) == [123, 7]
    with pytest.raises(ValueError, match=r"label of sample '1' of .* is b'5 +cats', expected a number"):
        labels(b"0", b"5" + b" " * 40 + b"cats")
    for long in (b"7" + b" " * 256, b"5" + b" " * 5000 + b"cats"):
        with pytest.raises(
            ValueError,
            match=rf"sample '1' of .* is in a member of {len(long)} bytes, expected at most 256 \(member",
        ):
            labels(b"0", long)


def test_a_long_member_is_refused_where_a_link_leads_to_it_and_only_as_a_label(tmp_path: Path) -> None:
    long = b"1" + b" " * 999 + b"x"
    notes = [("notes.cls", long)]
    assert len(TarShards([write_tar(tmp_path / "t.tar", [*pair(0), *notes])])) == 1, "it is no sample's"
    linked = [("1.jpg", b"x"), ("1.cls", special(tarfile.LNKTYPE, "notes.cls"))]
    with pytest.raises(ValueError, match=r"sample '1' of .* is in a member of 1001 bytes"):
        TarShards([write_tar(tmp_path / "t.tar", [*notes, *linked])])


def test_a_label_of_a_billion_is_named(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "t.tar", [*pair(0), ("a.jpg", b"x"), ("a.cls", b"1000000000")])
    with pytest.raises(
        ValueError, match=r"label of .*t\.tar/a\.jpg' is 1000000000, which would mean 1000000001 classes"
    ):
        TarShards([path])


@gnu_tar
def test_the_members_are_those_of_gnu_tar(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    files = []
    for k in range(40):
        stem = "/".join("x" * int(n) for n in rng.integers(1, 90, rng.integers(1, 4)))
        files += [(f"{stem}{k}.jpg", rng.bytes(int(rng.integers(0, 3000)))), (f"{stem}{k}.cls", b"0")]
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = write_tar(tmp_path / "t.tar", files, form)
        listed = subprocess.run(
            ["tar", "-tf", path], capture_output=True, text=True, check=True
        ).stdout.split()
        source = TarShards([path])
        assert [source.key(i)[6:] for i in range(40)] == [name for name in listed if name.endswith("jpg")]
        assert contents(source) == [content for name, content in files if name.endswith("jpg")]
