"""Whatever a tar can hold: every sample is counted, or a message names the member, the shard and the offset."""

from __future__ import annotations

import os
import shutil
import struct
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.sources import TarShards, open_source
from tests.tars import contents, pair, patch_header, write_tar

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


# Names


# What belongs to which sample
