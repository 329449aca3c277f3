"""The ways in which people name their data: right, or a message that says what is missing."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import numpy as np
import pytest
from braceexpand import braceexpand
from hypothesis import given
from hypothesis import strategies as st
from webdataset.shardlists import expand_urls

from dali_mixup.sources import image_folder, open_source
from dali_mixup.sources.braces import expanded
from tests.tars import contents, pair, write_tar


@pytest.mark.parametrize(
    "pattern",
    [
        "plain.tar",
        "s-{0000..0003}.tar",
        "s-{8..11}.tar",
        "s-{08..11}.tar",
        "s-{3..1}.tar",
        "s-{0..9..3}.tar",
        "{a,b}/s-{00..02}.tar",
        "{train,val{1,2}}-{0..1}.tar",
        "x{a,}y",
        "x{}y",
        "x{a}y",
        "x{a{1,2}}y",
        "{a,b}{c,d}",
        "{a..e}/{X..Z}.tar",
        "{f..a..2}",
        "{00{0..2},1{5..7}}.tar",
        "{00..03}-{{a..b},{8..9}}.tar",
    ],
)
def test_braces_are_those_of_webdataset(pattern: str) -> None:
    assert expanded(pattern) == list(braceexpand(pattern))


def test_braces_that_do_not_match_stand_for_themselves() -> None:
    assert expanded("a{b,c") == ["a{b,c"] and expanded("a}b{c,d}") == ["a}bc", "a}bd"]


def test_negative_numbers_count_down() -> None:
    assert expanded("{1..-1}") == ["1", "0", "-1"]
    with pytest.raises(ValueError, match="more than 1000000 names"):
        expanded("{0..99999999999}")


@given(st.text(st.sampled_from("a{},.019"), max_size=12))
def test_whatever_the_braces_there_are_names(pattern: str) -> None:
    assert expanded(pattern)


def test_shards_by_braces_patterns_and_lists(tmp_path: Path) -> None:
    for k in range(4):
        write_tar(tmp_path / f"s-{k:04}.tar", pair(k))
    whole = contents(open_source(str(tmp_path / "s-*.tar")))
    assert len(whole) == 4
    for data in ("s-{0000..0003}.tar", ["s-{0000..0001}.tar", "s-0002.tar", "s-000[3].tar"]):
        named = [str(tmp_path / name) for name in data] if isinstance(data, list) else str(tmp_path / data)
        assert contents(open_source(named)) == whole
    with pytest.raises(
        FileNotFoundError, match=r"2 of the 6 files of .* do not exist, such as .*s-0004\.tar'"
    ):
        open_source(str(tmp_path / "s-{0000..0005}.tar"))
    with pytest.raises(FileNotFoundError, match=r"the file or folder .*t-\*\.tar' does not exist"):
        open_source([str(tmp_path / "s-0000.tar"), str(tmp_path / "t-*.tar")])
    write_tar(tmp_path / "a{1,2}.tar", pair(9))
    assert len(open_source(tmp_path / "a{1,2}.tar")) == 1, "a file of this very name comes first"
    (tmp_path / "x.jpg").touch()
    with pytest.raises(ValueError, match=r"matches .*x\.jpg'; patterns are for files of one kind: \.tar"):
        open_source(str(tmp_path / "*.jpg"))


def test_names_are_joined_as_in_webdataset(tmp_path: Path) -> None:
    for k in range(3):
        write_tar(tmp_path / f"s-{k}.tar", pair(k))
    whole = contents(open_source(str(tmp_path / "s-*.tar")))
    joined = f"{tmp_path}/s-{{0..1}}.tar::{tmp_path}/s-2.tar"
    assert [name.removeprefix(f"{tmp_path}/") for name in expand_urls(joined)] == [
        "s-0.tar",
        "s-1.tar",
        "s-2.tar",
    ]
    assert contents(open_source(joined)) == contents(open_source([joined])) == whole
    write_tar(tmp_path / "a::b.tar", pair(9))
    assert len(open_source(tmp_path / "a::b.tar")) == 1, "a file of this very name comes first"
    for data in ("pipe:cat s-0.tar", f"{tmp_path}/s-0.tar::pipe:curl x.tar"):
        with pytest.raises(
            ValueError, match=r"'pipe:.*' is the output of a command, .* write it to a file first"
        ):
            open_source(data)


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_bytes(codecs.BOM_UTF8 + "é 0.jpg 0\r\n1.jpg 1\r\n".encode())
    assert open_source(tmp_path / "l.txt").name(0) == f"{tmp_path}/é 0.jpg"
    header = (
        '{"dali_mixup_manifest": 1, "root": ".", "classes": ["a"]}\n{"path": "x", "class": "a", "label": 0}\n'
    )
    (tmp_path / "m.jsonl").write_bytes(codecs.BOM_UTF8 + header.encode())
    assert open_source(tmp_path / "m.jsonl").key(0) == "x"
    (tmp_path / "e.jsonl").write_bytes(codecs.BOM_UTF8 + b'{"path": "x"}\n')
    with pytest.raises(ValueError, match="none of the 1 samples is left"):
        open_source(tmp_path / "m.jsonl", exclude=tmp_path / "e.jsonl")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "l.txt").write_bytes("0.jpg 0\n1.jpg 1\n".encode(encoding))
    with pytest.raises(ValueError, match="UTF-16"):
        open_source(tmp_path / "l.txt")


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "data/a").mkdir(parents=True)
    (tmp_path / "data/a/0.jpg").touch()
    (tmp_path / "l.txt").write_text("0.jpg 0\n")
    write_tar(tmp_path / "s-0.tar", pair(0))
    assert open_source("~/data").name(0) == image_folder("~/data").name(0) == f"{tmp_path}/data/a/0.jpg"
    assert open_source("~/l.txt").name(0) == f"{tmp_path}/0.jpg"
    assert open_source("~/l.txt", root="~/data/a").name(0) == f"{tmp_path}/data/a/0.jpg"
    for data in ("~/s-0.tar", "~/s-*.tar", ["~/s-{0..0}.tar"]):
        assert len(open_source(data)) == 1


def test_a_list_beside_the_folder_of_its_images(tmp_path: Path) -> None:
    """mmpretrain's meta/train.txt + train/."""
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/train.txt").write_text("a/0.jpg 0\nb/1.jpg 1\n")
    source = open_source(tmp_path / "meta/train.txt", root=tmp_path / "train")
    assert source.name(1) == f"{tmp_path}/train/b/1.jpg" and source.key(1) == "b/1.jpg"
    assert open_source([("a/0.jpg", 0)], root=tmp_path / "train").name(0) == f"{tmp_path}/train/a/0.jpg"
    with pytest.raises(TypeError, match="root= is the folder of the paths in a list or manifest"):
        open_source(source, root=tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0.jpg 0 3 5", "expected a path and one label; for images with several labels"),
        ("a b.JPEG 1 2", "one label"),
        ("0.jpg,0", "expected a path and a label, got '0.jpg,0"),
        ("0.jpg", "expected a path and a label, got '0.jpg"),
        ("my cat.jpg", "label 'cat.jpg'; for names, give the label of each with classes="),
        ("0.jpg 1.5", "label '1.5'"),
        ("0.jpg 1_0", "label '1_0'"),
        ("0.jpg -1", r"expected a label in \[0, 10000000\), got -1"),
        ("0.jpg 1000000000", r"expected a label in \[0, 10000000\), got 1000000000"),
        ("0.jpg " + "9" * 25, "label '9999"),
        ("  0", "expected a path and a label"),
    ],
)
def test_lines_of_another_form_are_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "l.txt").write_text(f"ok.jpg 0\n\n{line}\n")
    with pytest.raises(ValueError, match=rf"l\.txt, line 3: .*{message}"):
        open_source(tmp_path / "l.txt")


def test_lines_of_a_tsv_have_two_columns(tmp_path: Path) -> None:
    (tmp_path / "l.tsv").write_text("a 1.jpg 2\t0\n")
    assert open_source(tmp_path / "l.tsv").key(0) == "a 1.jpg 2"
    for text in ("a.jpg\t0\t1\n", "path\tlabel\n", "a.jpg 0\n"):
        (tmp_path / "l.tsv").write_text(text)
        with pytest.raises(ValueError, match=r"l\.tsv, line 1: "):
            open_source(tmp_path / "l.tsv")


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ("", ValueError, "data is an empty path"),
        (["", ""], ValueError, "data: entry 0 is an empty path"),
        ([("", 0)], ValueError, "data: the path of entry 0 is empty"),
        ([], ValueError, "data is an empty list"),
        (["a.jpg", "b.jpg"], ValueError, "list of paths without labels, such as 'a.jpg'"),
        (["a.tar", "b.jpg"], ValueError, "list of paths without labels, such as 'b.jpg'"),
        ([("a.jpg", 0), ("b.jpg", 1.5)], TypeError, "labels must be whole numbers"),
        ([("a.jpg", None)], TypeError, "labels must be whole numbers"),
        ([(0, "a.jpg")], TypeError, "data: the path of entry 0 must be str"),
        (("a.jpg", 0), TypeError, "data: entry 0 must be a pair"),
        ((["a.jpg"], [0]), TypeError, "data: entry 0 must be a pair"),
        (zip(["a"], [0], strict=True), TypeError, "zip; convert it to a list"),
        ({"a.jpg": 0}, TypeError, r"give list\(data.items\(\)\)"),
        (np.array(["a", "b"]), TypeError, "got ndarray"),
        ("s3:/bucket/x", FileNotFoundError, "s3:/bucket/x"),
    ],
)
def test_what_is_missing_is_said(data: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_source(data)


def test_a_list_of_one_path_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("a 0\n")
    for path in (tmp_path, tmp_path / "l.txt"):
        with pytest.raises(ValueError, match=rf"list of one path: give '{path}' itself"):
            open_source([path])
    write_tar(tmp_path / "s.tar", pair(0))
    assert len(open_source([tmp_path / "s.tar"])) == 1


def test_a_compressed_shard_is_called_so(tmp_path: Path) -> None:
    import bz2
    import gzip
    import lzma

    plain = write_tar(tmp_path / "s.tar", pair(0)).read_bytes()
    for name, pack, kind in (
        ("s.tar.gz", gzip.compress, "gzip"),
        ("s.tgz", gzip.compress, "gzip"),
        ("t.tar", lzma.compress, "xz"),
        ("u.tar.bz2", bz2.compress, "bzip2"),
    ):
        (tmp_path / name).write_bytes(pack(plain))
        with pytest.raises(ValueError, match=rf"{name}' cannot be read .* compressed with {kind}; unpack it"):
            open_source(tmp_path / name)


def test_a_path_that_is_not_there_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for data in ("missing", "missing.txt", "missing.jsonl", b"missing.tar", Path("missing/x")):
        with pytest.raises(FileNotFoundError, match="missing"):
            open_source(data)
    os.mkfifo("pipe.txt")
    with pytest.raises(ValueError, match=r"'pipe\.txt' is not a regular file but a named pipe"):
        open_source("pipe.txt")
