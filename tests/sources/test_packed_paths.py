"""Columns of paths that are packed as they are name the same files as their texts do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from dali_mixup import open_source
from dali_mixup.sources import FileList, Table
from dali_mixup.sources.tables import packed_paths
from dali_mixup.sources.tables.arrow_columns import ArrowColumns

KINDS = [pyarrow.string(), pyarrow.large_string(), pyarrow.dictionary(pyarrow.int32(), pyarrow.string())]
PARTS = st.text(st.sampled_from("ab.é~ "), min_size=1, max_size=4).filter(
    lambda part: part not in (".", "..")
)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map(lambda parts: "/".join(parts) + ".jpg")


def frame(paths: list[str], kind: Any, cut: int) -> pyarrow.Table:
    """A table whose columns have two chunks."""
    whole = pyarrow.table({"path": pyarrow.array(paths).cast(kind), "label": [0] * len(paths)})
    return pyarrow.concat_tables([whole.slice(0, cut), whole.slice(cut)])


@settings(max_examples=60)
@given(paths=st.lists(PATHS, min_size=1, max_size=8), kind=st.sampled_from(KINDS), data=st.data())
def test_a_column_names_the_files_that_its_texts_name(
    paths: list[str], kind: Any, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(paths)))
    root = data.draw(st.sampled_from([None, "/data", "s3://bucket/below"]))
    found = open_source(Table(frame(paths, kind, cut), image="path"), root=root)
    expected = FileList(paths, [0] * len(paths), root=root)
    assert list(found.samples) == list(expected.samples)
    assert (found.root, found.fingerprint()) == (expected.root, expected.fingerprint())


@pytest.mark.parametrize("strange", ["/elsewhere/b.jpg", "~/b.jpg", "c/.../b.jpg"])
def test_paths_that_need_a_closer_look_get_it(strange: str) -> None:
    paths = ["c/a.jpg", strange, "c/d.jpg"]
    found = open_source(frame(paths, KINDS[0], 1))
    assert list(found.samples) == list(FileList(paths, [0] * 3).samples)


@pytest.mark.parametrize(
    ("paths", "message"), [(["a.jpg", ""], "empty"), (["a.jpg", "b\0c.jpg"], "zero byte")]
)
def test_what_is_no_path_is_refused(paths: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_source(frame(paths, KINDS[0], 1))


def test_no_text_is_made_of_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fourteen million of them would take gigabytes."""
    monkeypatch.setattr(packed_paths, "_AT_ONCE", 7)
    monkeypatch.delattr(ArrowColumns, "texts")
    paths = [f"{number % 3}/{number}.jpg" for number in range(40)]
    table = pyarrow.table({"path": paths, "label": [number % 3 for number in range(40)]})
    parquet.write_table(table, tmp_path / "t.parquet", row_group_size=9)
    expected = [(str(tmp_path / path), number % 3) for number, path in enumerate(paths)]
    assert list(open_source(tmp_path / "t.parquet").samples) == expected
    monkeypatch.chdir(tmp_path)
    assert list(open_source(Table(table, image="path")).samples) == [
        (os.path.join(tmp_path, path), label)
        for path, label in zip(paths, table["label"].to_pylist(), strict=True)
    ]
