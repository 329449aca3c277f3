from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dali_mixup.sources import FileList, open_source, read_manifest, write_manifest


@pytest.fixture(params=[".jsonl", ".parquet"])
def suffix(request: pytest.FixtureRequest) -> str:
    if request.param == ".parquet":
        pytest.importorskip("pyarrow", reason="Parquet manifests need pyarrow")
    return request.param


def data(root: Path) -> FileList:
    keys = ["b/1.jpg", 'b/quote".jpg', "b/back\\slash.jpg", "a/line\nbreak.jpg", "a/日本 語.jpg", "a/x.jpg"]
    return FileList(keys, [2, 2, 2, 0, 0, 0], ["a", "empty", "b"], root=root)


def test_a_manifest_gives_back_what_was_written(tmp_path: Path, suffix: str) -> None:
    source = data(tmp_path / "images")
    file = tmp_path / f"m{suffix}"
    write_manifest(file, source, np.arange(18).reshape(6, 3))
    again = read_manifest(file)
    assert [again.name(i) for i in range(6)] == [source.name(i) for i in range(6)]
    assert again.labels.tolist() == source.labels.tolist()
    assert again.classes == source.classes, "a class without samples keeps its label"
    assert again.fingerprint() == source.fingerprint()
    assert [p.name for p in tmp_path.iterdir()] == [file.name], "no partial file is left"


def test_rows_are_plain_json_with_sizes(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", data(tmp_path), np.arange(18).reshape(6, 3))
    first, row, *rest = map(json.loads, (tmp_path / "m.jsonl").read_text().splitlines())
    classes = {"classes": ["a", "empty", "b"], "classes_named": True}
    assert first == {"dali_mixup_manifest": 1, "root": "."} | classes
    assert row == {"path": "b/1.jpg", "class": "b", "label": 2, "width": 0, "height": 1, "bytes": 2}
    assert len(rest) == 5
    write_manifest(tmp_path / "m.jsonl", data(tmp_path))
    assert set(json.loads((tmp_path / "m.jsonl").read_text().splitlines()[1])) == {"path", "class", "label"}


def test_numbers_can_still_be_named(tmp_path: Path, suffix: str) -> None:
    """`dali-mixup check train.txt --manifest` must not take them for names."""
    file = tmp_path / f"m{suffix}"
    for source in (numbers := open_source([("a/1.jpg", 0), ("a/2.jpg", 1)]), numbers.subset([1])):
        write_manifest(file, source)
        again = open_source(file)
        assert not again.classes_named and again.fingerprint() == source.fingerprint()
        named = open_source(file, classes=["dog", "cat"])
        assert named.classes == ("dog", "cat") and list(named.targets) == list(source.targets)
    write_manifest(file, named)
    assert list(open_source(file, classes=["cat", "dog"]).targets) == [0], "names stay names"


def test_a_manifest_that_does_not_say_so_has_names(tmp_path: Path) -> None:
    row = json.dumps({"path": "1.jpg", "class": "b", "label": 1})
    for more, named in (({}, True), ({"classes_named": False}, False), ({"classes_named": 0}, None)):
        header = {"dali_mixup_manifest": 1, "root": ".", "classes": ["a", "b"]} | more
        (tmp_path / "m.jsonl").write_text(f"{json.dumps(header)}\n{row}\n")
        if named is None:
            with pytest.raises(ValueError, match="line 1: classes_named must be true or false, got 0"):
                read_manifest(tmp_path / "m.jsonl")
        else:
            assert read_manifest(tmp_path / "m.jsonl").classes_named == named


def test_names_that_are_not_utf8_survive_json_lines(tmp_path: Path) -> None:
    source = FileList([b"a/\xff.jpg"], [0], ["a"], root=tmp_path)  # type: ignore[list-item]
    write_manifest(tmp_path / "m.jsonl", source)
    assert read_manifest(tmp_path / "m.jsonl").feed(np.array([0]))[0].tobytes().endswith(b"/a/\xff.jpg")


@pytest.mark.parametrize("place", ["m", "images/m", "images/deep/m"])
def test_manifest_and_images_can_be_moved_together(tmp_path: Path, suffix: str, place: str) -> None:
    here = tmp_path / "here"
    (here / "images/deep").mkdir(parents=True)
    write_manifest(here / f"{place}{suffix}", data(here / "images"))
    shutil.move(here, tmp_path / "there")
    assert (
        read_manifest(tmp_path / "there" / f"{place}{suffix}").name(0) == f"{tmp_path}/there/images/b/1.jpg"
    )


def test_a_manifest_kept_elsewhere_names_the_images_absolutely(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "lists").mkdir()
    write_manifest(tmp_path / f"lists/m{suffix}", data(tmp_path / "images"))
    shutil.move(tmp_path / "lists", tmp_path / "moved")
    assert read_manifest(tmp_path / f"moved/m{suffix}").name(0) == f"{tmp_path}/images/b/1.jpg"


GOOD = '{"path": "x", "class": "a", "label": 0}'


@pytest.mark.parametrize(
    "line",
    ["", "x", '{"path": "x"', '{"path": "x", "label": 0}', GOOD.replace("0", "7"), GOOD.replace("0", "1"),
     GOOD.replace('"a"', '"b"'), GOOD.replace("0", '"0"'), "[1]", "3"],
)  # fmt: skip
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    header = '{"dali_mixup_manifest": 1, "root": ".", "classes": ["a", "b"]}'
    (tmp_path / "m.jsonl").write_text("\n".join([header, GOOD, line, GOOD]))
    with pytest.raises(ValueError, match=r"m\.jsonl, line 3: expected a path, a class and the label"):
        read_manifest(tmp_path / "m.jsonl")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a manifest"),
        (GOOD, "is not a manifest"),
        ("no json", "is not a manifest"),
        ('{"dali_mixup_manifest": 2, "root": ".", "classes": []}', "version 2; this release reads version 1"),
        ('{"dali_mixup_manifest": 1, "root": ".", "classes": []}', "lists no samples"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.jsonl").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_manifest(tmp_path / "m.jsonl")


def test_bad_arguments_of_writing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in one of .*\.csv"):
        write_manifest(tmp_path / "m.csv", data(tmp_path))
    with pytest.raises(ValueError, match=r"shape \(6, 3\), got \(6, 2\)"):
        write_manifest(tmp_path / "m.jsonl", data(tmp_path), np.zeros((6, 2)))
    with pytest.raises(TypeError, match="lists image files"):
        write_manifest(tmp_path / "m.jsonl", object())  # type: ignore[arg-type]
