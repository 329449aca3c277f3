"""Whatever a tar can hold: every sample is counted, or a message names the member, the shard and the offset."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.sources import TarShards, open_source
from tests.tars import contents, pair, patch_header, special, write_tar

THREE = pair(0) + pair(1) + pair(2)
IMAGES = [content for name, content in THREE if name.endswith("jpg")]

gnu_tar = pytest.mark.skipif(shutil.which("tar") is None, reason="needs GNU tar")


def offsets(path: Path) -> list[int]:
    with tarfile.open(path) as tar:
        return [member.offset for member in tar]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "t.tar", THREE)


# Archives that follow each other, and archives that end too early


def test_archives_one_after_the_other_are_all_read(
    tmp_path: Path, shard: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = write_tar(tmp_path / "u.tar", pair(3) + pair(2))
    joined = tmp_path / "j.tar"
    joined.write_bytes(shard.read_bytes() + other.read_bytes())
    source = open_source(joined)
    assert contents(source) == [*IMAGES, pair(3)[0][1], pair(2)[0][1]] and source.labels.tolist() == [
        0,
        1,
        2,
        3,
        2,
    ]
    assert "several archives, one after the other: 1" in caplog.text
    assert "more than once in a shard: 1, such as 's/0002'" in caplog.text
    for text in caplog.messages:
        assert caplog.messages.count(text) == 1


def test_a_sample_does_not_go_on_in_the_next_archive(tmp_path: Path) -> None:
    first, second = write_tar(tmp_path / "a", pair(0)), write_tar(tmp_path / "b", pair(0))
    (tmp_path / "j.tar").write_bytes(first.read_bytes() + second.read_bytes())
    assert len(open_source(tmp_path / "j.tar")) == 2


def test_a_file_cut_short_anywhere_is_refused_or_whole(shard: Path, tmp_path: Path) -> None:
    whole = shard.read_bytes()
    end = offsets(shard)[-1] + 1024
    cut = tmp_path / "cut.tar"
    for size in [*range(1, end + 1, 97), *offsets(shard)[1:], end, end - 512, end - 513]:
        cut.write_bytes(whole[:size])
        with pytest.raises(
            ValueError,
            match=rf"cut\.tar' cannot be read .* offset|cut\.tar' cannot be read .* ends at {size}",
        ):
            TarShards([cut])
        assert not Path(f"{cut}.index.npz").exists()
    for size in (end + 512, end + 1024, len(whole) - 1):
        cut.write_bytes(whole[:size])
        assert contents(TarShards([cut])) == IMAGES


def test_the_way_out_for_a_tar_without_an_end(shard: Path) -> None:
    os.truncate(shard, offsets(shard)[-1] + 1024)
    with pytest.raises(ValueError, match="append 1024 zero bytes"):
        TarShards([shard])
    with open(shard, "ab") as file:
        file.write(bytes(1024))
    assert contents(TarShards([shard])) == IMAGES


# Damage


@pytest.mark.parametrize("member", range(6))
@pytest.mark.parametrize("byte", [0, 10, 100, 124, 130, 148, 156, 257, 345, 511])
def test_a_flipped_bit_in_a_header_is_refused_with_its_offset(shard: Path, member: int, byte: int) -> None:
    at = offsets(shard)[member]
    whole = bytearray(shard.read_bytes())
    whole[at + byte] ^= 1
    shard.write_bytes(bytes(whole))
    with pytest.raises(ValueError, match=rf"t\.tar' cannot be read as an uncompressed tar: .*offset {at}\b"):
        TarShards([shard])


@pytest.mark.parametrize("member", range(6))
def test_a_zeroed_header_is_refused_with_its_offset(shard: Path, member: int) -> None:
    at = offsets(shard)[member]
    whole = bytearray(shard.read_bytes())
    whole[at : at + 512] = bytes(512)
    shard.write_bytes(bytes(whole))
    with pytest.raises(ValueError, match=rf"offset {at}\b"):
        TarShards([shard])


def test_a_zeroed_header_of_an_empty_member_is_refused(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "t.tar", [*pair(0), ("empty.txt", b""), *pair(1)])
    at = offsets(path)[2]
    whole = bytearray(path.read_bytes())
    whole[at : at + 512] = bytes(512)
    path.write_bytes(bytes(whole))
    with pytest.raises(ValueError, match=rf"header at offset {at} is missing"):
        TarShards([path])


@pytest.mark.parametrize("size", [1 << 62, (1 << 63) - 1, 1 << 40, -5])
def test_wild_sizes_are_refused(shard: Path, size: int) -> None:
    field = struct.pack(">q", size).rjust(12, b"\xff" if size < 0 else b"\0")
    patch_header(shard, 4, 124, (b"\xff" if size < 0 else b"\x80") + field[1:])
    with pytest.raises(ValueError, match=rf"t\.tar' .*offset {offsets_of_six(shard)[4]}\b"):
        TarShards([shard])


def offsets_of_six(path: Path) -> list[int]:
    """Where the headers of the samples of `THREE` begin, told without reading them."""
    sizes = [len(content) for _, content in THREE]
    return [sum(512 + -(-size // 512) * 512 for size in sizes[:k]) for k in range(6)]


def test_a_size_that_is_no_number_is_refused(shard: Path) -> None:
    patch_header(shard, 2, 124, b"12a45678901 ")
    with pytest.raises(ValueError, match=r"offset \d+ has b'12a45678901 ' as a size"):
        TarShards([shard])


@pytest.mark.parametrize(
    "text", [b"zz path=x\n", b"99 path=x\n", b"9 path=x", b"5 abc\n", b"30 size=99999999999999999999\n"]
)
def test_damaged_pax_headers_are_refused(tmp_path: Path, text: bytes) -> None:
    info = tarfile.TarInfo("PaxHeader")
    info.type, info.size = b"x", len(text)
    raw = info.tobuf(tarfile.USTAR_FORMAT) + text.ljust(512, b"\0")
    (tmp_path / "p.tar").write_bytes(raw + write_tar(tmp_path / "t.tar", THREE).read_bytes())
    with pytest.raises(ValueError, match=r"p\.tar' .* pax header at offset"):
        TarShards([tmp_path / "p.tar"])


def test_a_name_that_claims_gigabytes_is_refused(tmp_path: Path, shard: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = b"L", 1 << 32
    (tmp_path / "p.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + shard.read_bytes())
    with pytest.raises(ValueError, match="claims a name or attributes of 4294967296 bytes"):
        TarShards([tmp_path / "p.tar"])


@given(st.integers(0, 8191), st.binary(min_size=1, max_size=40))
def test_any_damage_is_a_source_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, start: int, junk: bytes
) -> None:
    path = write_tar(tmp_path_factory.mktemp("damage") / "t.tar", THREE)
    whole = bytearray(path.read_bytes())
    whole[start : start + len(junk)] = junk
    path.write_bytes(bytes(whole))
    try:
        source = TarShards([path])
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert len(source) == 3 or source.remarks, "nothing is lost in silence"


# Links, holes and devices


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


# Names


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


# What belongs to which sample


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
    (tmp_path / "z.tar").write_bytes(b"")
    assert len(TarShards([tmp_path / "e.tar", shard, tmp_path / "z.tar"])) == 3
    with pytest.raises(ValueError, match="no images in 1 shards"):
        TarShards([tmp_path / "e.tar"])


@pytest.mark.parametrize("label", [b"1_0", b"\xd9\xa3", b"1.0", b"", b"1 2", b"9" * 40, b"0x1", b"1\x001"])
def test_labels_that_are_no_numbers_are_named(tmp_path: Path, label: bytes) -> None:
    path = write_tar(tmp_path / "t.tar", [("a.jpg", b"x"), ("a.cls", label)])
    with pytest.raises(
        ValueError, match=r"label of sample 'a' of .*t\.tar' is b.*member 'a\.cls' at offset 1024"
    ):
        TarShards([path])


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
