"""Lists and manifests made to do harm: nothing outside the root is read, nothing blocks, errors name the place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dali_mixup.sources import FileList, open_source, read_exclude_list, read_manifest, write_manifest

ROW = {"path": "x", "class": "a", "label": 0}


def manifest(file: Path, rows: list[object], **header: object) -> Path:
    first = {"dali_mixup_manifest": 1, "root": "d", "classes": ["a", "b"]} | header
    file.write_text("\n".join(json.dumps(row) for row in (first, *rows)) + "\n")
    return file


ESCAPES = ["../x", "../" * 12 + "etc/passwd", "a/../../x", "a/..", "..", "/etc/passwd", "//etc/passwd"]


@pytest.mark.parametrize("path", ESCAPES)
def test_paths_that_leave_the_root_of_a_manifest_are_refused(tmp_path: Path, path: str) -> None:
    file = manifest(tmp_path / "m.jsonl", [ROW, ROW | {"path": path}])
    for root in (None, tmp_path):
        with pytest.raises(ValueError, match=r"m\.jsonl, line 3: .* below the root"):
            read_manifest(file, root=root)


@pytest.mark.parametrize("path", ESCAPES)
def test_paths_that_leave_the_root_of_a_parquet_manifest_are_refused(tmp_path: Path, path: str) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    header = {"dali_mixup_manifest": json.dumps({"dali_mixup_manifest": 1, "root": "d", "classes": ["a"]})}
    table = arrow.Table.from_pylist([ROW, ROW | {"path": path}]).replace_schema_metadata(header)
    parquet.write_table(table, tmp_path / "m.parquet")
    with pytest.raises(ValueError, match=r"m\.parquet, row 1: .* below the root"):
        read_manifest(tmp_path / "m.parquet")


@pytest.mark.parametrize("path", ESCAPES)
def test_paths_that_leave_the_folder_of_a_list_are_refused(tmp_path: Path, path: str) -> None:
    for suffix, separator in ((".txt", " "), (".tsv", "\t")):
        file = tmp_path / f"l{suffix}"
        file.write_text(f"ok.jpg{separator}0\n{path}{separator}0\n")
        with pytest.raises(ValueError, match=rf"l{suffix}, line 2: expected a path below the root"):
            open_source(file, root=tmp_path)
        if not path.startswith("/"):
            with pytest.raises(ValueError, match=rf"l{suffix}, line 2: .*without `\.\.`; .* root="):
                open_source(file)
    with pytest.raises(ValueError, match=r"must be relative to the root|has a part"):
        FileList([path], [0], root=tmp_path)
    with pytest.raises(ValueError, match=r"must be relative to the root|has a part"):
        open_source([(path, 0)], root=tmp_path)


def test_an_absolute_path_in_a_list_is_plain_to_see_and_taken(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text(f"{tmp_path}/x.jpg 0\n/data/../etc/passwd 0\n")
    with pytest.raises(ValueError, match=r"l\.txt, line 2: expected a path without `\.\.`"):
        open_source(tmp_path / "l.txt")


def test_the_user_says_where_images_lie(tmp_path: Path) -> None:
    file = manifest(tmp_path / "m.jsonl", [ROW])
    assert read_manifest(file).name(0) == f"{tmp_path}/d/x"
    assert open_source(file, root="/elsewhere").name(0) == "/elsewhere/x"


def test_names_with_two_dots_are_ordinary(tmp_path: Path) -> None:
    for path in ("a..jpg", "..a/x", "a/..b/c...jpg", "..."):
        assert read_manifest(manifest(tmp_path / "m.jsonl", [ROW | {"path": path}])).key(0) == path
        (tmp_path / "l.txt").write_text(f"{path} 0\n")
        assert open_source(tmp_path / "l.txt").name(0) == f"{tmp_path}/{path}"


def test_check_prints_nothing_of_a_file_outside(tmp_path: Path) -> None:
    file = manifest(tmp_path / "m.jsonl", [ROW | {"path": "../" * 12 + "etc/passwd"}])
    done = subprocess.run(
        [sys.executable, "-m", "dali_mixup", "check", str(file)], capture_output=True, text=True
    )
    assert done.returncode == 2 and "root:" not in done.stdout + done.stderr
    assert "m.jsonl, line 2" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (ROW | {"path": 3}, 2),
        (ROW | {"path": ""}, 2),
        (ROW | {"path": "a\0b"}, 2),
        (ROW | {"path": "\ud800"}, 2),
        (ROW | {"path": None}, 2),
        (ROW | {"label": 10**9}, 2),
        (ROW | {"label": -2}, 2),
        (ROW | {"label": True, "class": "b"}, 2),
        (ROW | {"label": 0.0}, 2),
        (ROW | {"label": [0]}, 2),
        ([], 2),
        (None, 2),
    ],
)
def test_wild_rows_are_named(tmp_path: Path, row: object, line: int) -> None:
    with pytest.raises(ValueError, match=rf"m\.jsonl, line {line}: expected a path, a class and the label"):
        read_manifest(manifest(tmp_path / "m.jsonl", [row, ROW]))


@pytest.mark.parametrize(
    "header",
    [
        {"root": "r\0x"},
        {"root": 3},
        {"root": None},
        {"classes": "ab"},
        {"classes": [0]},
        {"classes": None},
        {"classes": {}},
    ],
)
def test_wild_headers_are_named(tmp_path: Path, header: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"m\.jsonl, line 1: "):
        read_manifest(manifest(tmp_path / "m.jsonl", [ROW], **header))


def test_a_zero_byte_in_a_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zero byte"):
        FileList(["x"], [0], root="r\0x")


def test_brackets_without_end_are_named(tmp_path: Path) -> None:
    file = manifest(tmp_path / "m.jsonl", [])
    with open(file, "a") as lines:
        lines.write("[" * 100_000 + "\n")
    with pytest.raises(ValueError, match=r"m\.jsonl, line 2: "):
        read_manifest(file)
    file.write_text("[" * 100_000 + "\n")
    with pytest.raises(ValueError, match="is not a manifest"):
        read_manifest(file)
    (tmp_path / "e.jsonl").write_text("[" * 100_000 + "\n")
    with pytest.raises(ValueError, match=r"e\.jsonl, line 1: "):
        read_exclude_list(tmp_path / "e.jsonl")


def test_lines_of_megabytes_are_refused_in_a_short_line(tmp_path: Path) -> None:
    long = "x" * 3_000_000
    (tmp_path / "l.txt").write_text(f"ok.jpg 0\n{long} 0\n")
    manifest(tmp_path / "m.jsonl", [ROW, ROW | {"path": long}])
    (tmp_path / "e.jsonl").write_text(f'{{"path": "{long}"}}\n')
    for name, line in (("l.txt", 2), ("m.jsonl", 3), ("e.jsonl", 1)):
        with pytest.raises(ValueError, match=rf"{name}, line {line}: longer than 1048576 bytes") as caught:
            read_exclude_list(tmp_path / name) if name == "e.jsonl" else open_source(tmp_path / name)
        assert len(str(caught.value)) < 400
    (tmp_path / "s.txt").write_text("ok.jpg 0\n" + "y" * 100_000 + "\n")
    with pytest.raises(ValueError, match=r"s\.txt, line 2") as caught:
        open_source(tmp_path / "s.txt")
    assert len(str(caught.value)) < 400


def test_many_classes_fit_the_first_line(tmp_path: Path) -> None:
    names = [f"class {k:06} {'n' * 40}" for k in range(30_000)]
    source = read_manifest(manifest(tmp_path / "m.jsonl", [ROW | {"class": names[0]}], classes=names))
    assert source.num_classes == 30_000


def test_bad_parquet_is_named(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "m.parquet"
    header = {
        "dali_mixup_manifest": json.dumps({"dali_mixup_manifest": 1, "root": "d", "classes": ["a", "b"]})
    }

    def refused(message: str) -> None:
        with pytest.raises(ValueError, match=rf"m\.parquet.*{message}") as caught:
            open_source(file)
        assert "\n" not in str(caught.value)

    def write(rows: list[dict[str, object]], metadata: dict[str, str] = header) -> None:
        parquet.write_table(arrow.Table.from_pylist(rows).replace_schema_metadata(metadata), file)

    for content in (b"", b"PAR1", b"no parquet" * 100):
        file.write_bytes(content)
        refused("cannot be read as Parquet")
    write([ROW])
    file.write_bytes(file.read_bytes()[:-20])
    refused("cannot be read as Parquet")
    write([ROW], {})
    refused("several columns could hold the labels: 'class', 'label'")  # a table, but no manifest
    write([{"path": "x", "label": 0}])
    refused("class")
    write([ROW, ROW | {"label": None}])
    refused("'label' must be without nulls, got 1")
    write([ROW | {"label": 0.0}])
    refused("'label' must be of int64")
    write([ROW, ROW | {"label": 1}])
    refused("row 1: .*'label': 1")
    write([ROW, ROW, ROW | {"label": 10**9}])
    refused("row 2: ")
    write([ROW | {"class": "c"}])
    refused("row 0: ")
    write([])
    refused("path|lists no samples")


def test_pipes_in_the_place_of_lists_do_not_block(tmp_path: Path) -> None:
    for name in ("l.txt", "m.jsonl", "m.parquet"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(ValueError, match=rf"{name}' is not a regular file but a named pipe"):
            open_source(tmp_path / name)
    os.mkfifo(tmp_path / "e.jsonl")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/0.jpg").touch()
    with pytest.raises(ValueError, match="named pipe"):
        open_source(tmp_path, exclude=tmp_path / "e.jsonl")


def test_links_out_of_the_root_are_followed_as_in_torchvision(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/0.jpg").write_bytes(b"x")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a").symlink_to(tmp_path / "elsewhere")
    source = open_source(tmp_path / "d")
    assert source.encoded(0) == b"x"
    write_manifest(tmp_path / "m.jsonl", source)
    assert open_source(tmp_path / "m.jsonl").encoded(0) == b"x"
