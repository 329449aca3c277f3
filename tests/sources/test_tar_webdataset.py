"""webdataset's own reader beside ours: the same samples, and each difference that is meant."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from dali_mixup.sources import TarShards
from dali_mixup.sources.archives import tar_labels
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


def test_labels_in_json_are_those_of_webdataset(tmp_path: Path) -> None:
    files = [
        member
        for number, label in enumerate([3, 0, 12])
        for member in (
            (f"d/{number}.jpg", b"image %d" % number),
            (f"d/{number}.cls", b"1"),
            (f"d/{number}.json", b'{"caption": "\\u00e9", "label": %d, "cls": "x"}' % label),
        )
    ]
    shard = write_tar(tmp_path / "s.tar", files)
    data = webdataset.WebDataset([str(shard)], shardshuffle=False, empty_check=False).decode(only=["json"])
    expected = [(sample["jpg"], sample["json"]["label"]) for sample in data]
    for _ in range(2):  # the second from the index
        source = TarShards(shard, json_label="label")
        assert list(zip(contents(source), source.labels.tolist(), strict=True)) == expected
    assert TarShards(shard).labels.tolist() == [1, 1, 1], "the index of other labels is another one"
    assert TarShards(shard, json_label="label").labels.tolist() == [3, 0, 12]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", r"is missing: there is no field 'label' in the JSON; its fields: $"),
        (
            b'{"cls": 0, "y": 1}',
            r"no field 'label' in the JSON; its fields: 'cls', 'y' \(member 's/0\.json' at offset",
        ),
        (b"[3]", "none, since it is no object"),
        (b'{"label": "cat"}', "is 'cat' in the field 'label', expected a whole number"),
        (b'{"label": true}', "is True in the field"),
        (b'{"label": [1, 2]}', r"is \[1, 2\] in the field"),
        (b'{"label": 1.0}', r"is 1\.0 in the field"),
        (b'{"label": 1' + b"0" * 30 + b"}", "expected a whole number"),
        (b'{"label": -1}', r"is -1, expected labels that count from 0"),
        (b'{"label": ', "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b"\xff", "cannot be read as JSON"),
    ],
)
def test_json_without_a_label_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    shard = write_tar(tmp_path / "s.tar", [("s/0.jpg", b"image"), ("s/0.json", content)])
    with pytest.raises(ValueError, match=message.replace(": $", ": ")):
        TarShards(shard, json_label="label")


def test_json_is_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits the limit may be whole JSON, and the rest damage."""
    monkeypatch.setitem(tar_labels.MOST, tar_labels.JSON, 20)
    for content, long in ((b'{"label": 3}' + b" " * 8, False), (b'{"label": 3}' + b" " * 8 + b"x", True)):
        path = write_tar(tmp_path / "t.tar", [("0.jpg", b"x"), ("0.json", content)])
        if long:
            with pytest.raises(ValueError, match=r"is in a member of 21 bytes, expected at most 20"):
                TarShards(path, json_label="label")
        else:
            assert TarShards(path, json_label="label").labels.tolist() == [3]


def test_a_shard_without_cls_points_at_json(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "s.tar", [("0.jpg", b"image"), ("0.json", b'{"label": 3}')])
    with pytest.raises(
        ValueError,
        match=r"has no label: .* in the \.json file use TarShards\(\.\.\., json_label=",
    ):
        TarShards(shard)
    shard = write_tar(tmp_path / "t.tar", [("0.jpg", b"image"), ("0.cls", b"3")])
    with pytest.raises(ValueError, match=r"a file 0\.json is expected beside the image"):
        TarShards(shard, json_label="label")
