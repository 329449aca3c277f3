"""webdataset's own reader beside ours: the same samples, and each difference that is meant."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from dali_mixup.sources import TarShards
from tests.tars import contents, pair, special, write_tar

webdataset = pytest.importorskip("webdataset")


def theirs(*paths: Path) -> list[tuple[bytes, int]]:
    """(image, label) as webdataset reads them, without a shuffle."""
    data = webdataset.WebDataset([str(path) for path in paths], shardshuffle=False, empty_check=False)
    pairs: Any = data.to_tuple("jpg;jpeg;png", "cls")
    return [(image, int(label)) for image, label in pairs]


def ours(*paths: Path) -> list[tuple[bytes, int]]:
    source = TarShards(list(paths))
    return list(zip(contents(source), source.labels.tolist(), strict=True))


THREE = pair(0) + pair(1) + pair(2)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(
    "files",
    [
        THREE,
        [
            ("a.b/007.cls", b"3"),
            ("a.b/007.JPEG", b"x"),
            ("a.b/007.seg.png", b"mask"),
            ("a.b/007.json", b"{}"),
        ],
        [
            ("0.jpg", b"A"),
            ("README", b""),
            ("0.cls", b"0"),
            ("d", special(tarfile.DIRTYPE)),
            ("1.png", b"B"),
            ("1.cls", b"1"),
        ],
        [("__info__", b""), ("__x__/0.jpg", b""), *THREE],
        [("._0.jpg", b"companion"), ("0.jpg", b"A"), ("._0.cls", b"companion"), ("0.cls", b"0")],
        [("0.jpg", b"photo"), ("0.png", b"mask"), ("0.cls", b"0")],
        [("0.png", b"mask"), ("0.jpg", b"photo"), ("0.cls", b"0")],
        [*pair(0), *pair(1), *pair(0)],
        [("d/" + "n" * 90 + ".jpg", b"A"), ("d/" + "n" * 90 + ".cls", b"4")],
        [("0.JPG", b"A"), ("0.CLS", b"0")],
        [("0.jpg", b""), ("0.cls", b"0")],
        [("a/.hidden/0.jpg", b"A"), ("a/.hidden/0.cls", b"0")],
    ],
)
def test_the_same_samples(tmp_path: Path, files: list[tuple[str, Any]], form: int) -> None:
    path = write_tar(tmp_path / "t.tar", files, form)
    assert ours(path) == theirs(path) != []


def test_what_both_refuse(tmp_path: Path) -> None:
    for files in ([*THREE[:2], *THREE[:2]], [("0.jpg", b"A")], [("0.jpg", b"A"), ("0.cls", b"cat")]):
        path = write_tar(tmp_path / "t.tar", files)
        with pytest.raises(ValueError, match=r"t\.tar"):
            ours(path)
        with pytest.raises((ValueError, KeyError)):
            theirs(path)


# Where we differ on purpose: webdataset loses these samples, or breaks them up.


def test_we_read_all_archives_of_a_file(tmp_path: Path) -> None:
    first, second = write_tar(tmp_path / "a.tar", pair(0)), write_tar(tmp_path / "b.tar", pair(1))
    (tmp_path / "j.tar").write_bytes(first.read_bytes() + second.read_bytes())
    assert len(theirs(tmp_path / "j.tar")) == 1 and len(ours(tmp_path / "j.tar")) == 2


def test_we_follow_links(tmp_path: Path) -> None:
    files = [*pair(0), ("s/0001.jpg", special(tarfile.LNKTYPE, "s/0000.jpg")), ("s/0001.cls", b"1")]
    path = write_tar(tmp_path / "t.tar", files)
    assert ours(path) == [(pair(0)[0][1], 0), (pair(0)[0][1], 1)]
    with pytest.raises((ValueError, KeyError)):
        theirs(path)


def test_we_keep_companions_in_folders_out_of_samples(tmp_path: Path) -> None:
    files = [("d/._0.jpg", b"c"), ("d/0.jpg", b"A"), ("d/._0.cls", b"c"), ("d/0.cls", b"0")]
    path = write_tar(tmp_path / "t.tar", files)
    assert ours(path) == [(b"A", 0)]
    with pytest.raises((ValueError, KeyError)):
        theirs(path)


def test_we_refuse_damage_that_webdataset_reads_over(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "t.tar", THREE)
    whole = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        at = tar.getmembers()[2].offset
    whole[at + 10] ^= 1
    path.write_bytes(bytes(whole))
    assert len(theirs(path)) == 1
    with pytest.raises(ValueError, match=f"offset {at}"):
        ours(path)
