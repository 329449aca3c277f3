"""Classes that the files of a table declare: each file's labels mean what the program that wrote it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas
import pyarrow
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from dali_mixup.sources import Source, Table, open_source
from tests.pixel_files import png
from tests.sources.declared_tables import (
    DECLARATIONS,
    Columns,
    Declare,
    class_label,
    pandas_frame,
    plain_text,
    write_table,
)

ENDINGS = (".parquet", ".arrow", ".ipc.arrow")
HOLDINGS = ("image", "path")


def held(column: str, part: int, rows: int) -> Columns:
    """Images, or paths, that tell their part and row."""
    if column == "path":
        return {"path": [f"{part}-{row}.jpg" for row in range(rows)]}
    return {"image": [png(np.full((2, 2, 3), 16 * part + row, np.uint8)) for row in range(rows)]}


def meaning(source: Source) -> list[str]:
    return [source.classes[label] for label in source.targets]


def parts_of(
    folder: Path, ending: str, column: str, *parts: tuple[Declare, Sequence[str], Sequence[str]]
) -> list[Path]:
    """Files, each (who declares, names of its rows, order of classes)."""
    return [
        write_table(declare(held(column, number, len(names)), names, order), folder / f"p{number}{ending}")
        for number, (declare, names, order) in enumerate(parts)
    ]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("column", HOLDINGS)
@pytest.mark.parametrize("declare", DECLARATIONS)
def test_one_file_keeps_its_order_and_classes_without_rows(
    tmp_path: Path, declare: Declare, column: str, ending: str
) -> None:
    order = ["zebra", "unused", "ant"]
    (file,) = parts_of(tmp_path, ending, column, (declare, ["zebra", "ant", "ant"], order))
    source = open_source(file)
    assert source.classes == tuple(order) and source.targets == [0, 2, 2]
    assert open_source(file, classes=["ant", "zebra"]).targets == [1, 0, 0]
    if column == "image":
        assert [source.encoded(row) for row in range(3)] == held(column, 0, 3)["image"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("column", HOLDINGS)
@pytest.mark.parametrize("first", DECLARATIONS)
@pytest.mark.parametrize("second", [*DECLARATIONS, plain_text])
def test_parts_agree_or_classes_are_stated(
    tmp_path: Path, first: Declare, second: Declare, column: str, ending: str
) -> None:
    """One library's file beside another's too, and structs of images beside bytes."""
    order, turned = ["zebra", "ant"], ["ant", "zebra"]
    parts = parts_of(tmp_path, ending, column, (first, ["zebra"], order), (second, ["ant", "zebra"], turned))
    with pytest.raises(ValueError, match=r"p1\S+: the column 'label' declares .*; state them with classes="):
        open_source(parts)
    for known in (order, turned, ["dog", "ant", "zebra"]):
        source = open_source(parts, classes=known)
        assert source.classes == tuple(known) and meaning(source) == ["zebra", "ant", "zebra"]
    if second is not plain_text:
        parts_of(tmp_path, ending, column, (first, ["zebra"], order), (second, ["ant", "zebra"], order))
        source = open_source(parts)
        assert source.classes == tuple(order) and source.targets == [0, 1, 0]
    if column == "image":
        images = held(column, 0, 1)["image"] + held(column, 1, 2)["image"]
        assert [source.encoded(row) for row in (2, 0, 1)] == [images[row] for row in (2, 0, 1)]


@given(st.lists(st.tuples(st.permutations(["a", "b", "c", "d"]), st.lists(st.integers(0, 3), max_size=4))))
@settings(max_examples=25)
def test_class_labels_mean_what_datasets_says(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[list[str], list[int]]]
) -> None:
    parts.append((["d", "b"], [1]))  # not all parts are empty
    folder = tmp_path_factory.mktemp("labels")
    files, expected = [], []
    for number, (order, labels) in enumerate(parts):
        data = class_label(held("path", number, len(labels)), [order[label] for label in labels], order)
        files.append(write_table(data, folder / f"p{number}.parquet"))
        expected += data.features["label"].int2str(data["label"][:])
    assert meaning(open_source(files, classes=["d", "c", "b", "a"])) == expected


@pytest.mark.parametrize("names", [["0", "1", "2"], ["2", "0", "1"], ["9", "8", "7"]])
@pytest.mark.parametrize("ending", ["object", *ENDINGS])
def test_names_made_of_digits_are_names(tmp_path: Path, names: list[str], ending: str) -> None:
    """MNIST has them; part of its rows may lack a class."""
    data = class_label(held("path", 0, 2), [names[1], names[2]], names)
    given: Any = data if ending == "object" else write_table(data, tmp_path / f"t{ending}")
    for known in (sorted(names), names, names[::-1]):
        assert meaning(open_source(given, classes=known)) == names[1:]


@pytest.mark.parametrize("ending", ["object", *ENDINGS])
def test_numbers_without_a_name_are_refused_by_their_row(tmp_path: Path, ending: str) -> None:
    features = Features({"path": Value("string"), "label": ClassLabel(names=["a", "b"])})
    for wrong, message in (
        (-1, r"row 1: the label is -1, outside \[0, 2\) of the classes 'a', 'b'; leave out"),
        (2, r"row 1: .*2, outside \[0, 2\)|Class label 2 greater than"),  # datasets refuses some itself
        (None, "row 1: the column 'label' has no value"),
    ):
        with pytest.raises(ValueError, match=message):
            data = Dataset.from_dict({"path": ["x.jpg", "y.jpg"], "label": [0, wrong]}, features=features)
            first = class_label(held("path", 0, 3), ["a"] * 3, ["a", "b"])
            if ending == "object":
                open_source(data)
            else:
                open_source(
                    [write_table(first, tmp_path / f"p{ending}"), write_table(data, tmp_path / f"q{ending}")]
                )


def test_numbers_without_names_do_not_join_classes(tmp_path: Path) -> None:
    """Whether they count the file's classes or those of classes= cannot be told."""
    named = write_table(class_label(held("path", 0, 1), ["b"], ["b", "a"]), tmp_path / "p0.parquet")
    numbers = pyarrow.table({**held("path", 1, 1), "label": [1]})
    bare = write_table(numbers, tmp_path / "p1.parquet")
    for known in (None, ["a", "b"]):
        with pytest.raises(
            ValueError, match=r"p1\.parquet: .* holds int64, but in \S+ classes; write the files"
        ):
            open_source([named, bare], classes=known)
        with pytest.raises(
            ValueError, match=r"p0\.parquet: .* holds classes, but in \S+ int64; write the files"
        ):
            open_source([bare, named], classes=known)


def test_paths_do_not_join_images(tmp_path: Path) -> None:
    for ending in ENDINGS:
        for number, image in enumerate((b"x", "x.jpg")):
            table = pyarrow.table({"image": [image], "label": ["a"]})
            write_table(table, tmp_path / f"p{number}{ending}")
        files = [tmp_path / f"p{number}{ending}" for number in range(2)]
        with pytest.raises(
            ValueError, match=r"p1\S+: the column 'image' holds string, but in \S+p0\S+ binary; write"
        ):
            open_source(files)
        with pytest.raises(
            ValueError, match=r"p0\S+: the column 'image' holds binary, but in \S+p1\S+ string; write"
        ):
            open_source(files[::-1])


def test_categories_with_a_missing_label(tmp_path: Path) -> None:
    for image in HOLDINGS:
        frame = pandas_frame(held(image, 0, 2), ["b", None], ["b", "a"])  # type: ignore[list-item]
        with pytest.raises(ValueError, match=r"t\.parquet, row 1: the column 'label' has no value"):
            open_source(write_table(frame, tmp_path / "t.parquet"))


def test_metadata_of_datasets_that_no_longer_fit(tmp_path: Path) -> None:
    """pyarrow keeps the metadata of a table whose column is replaced."""
    table = class_label(held("path", 0, 2), ["b", "a"], ["b", "a"]).data.table
    texts = table.set_column(1, "label", pyarrow.array(["dog", "cat"]))
    assert texts.schema.metadata == table.schema.metadata
    assert open_source(texts).classes == ("cat", "dog")
    for damaged in (
        "{",
        "[]",
        '{"info": 3}',
        '{"info": {"features": {"label": {"_type": "ClassLabel", "names": 3}}}}',
    ):
        with pytest.raises(ValueError, match="the metadata that Hugging Face's datasets writes are damaged"):
            open_source(table.replace_schema_metadata({"huggingface": damaged}))
    for absent in ("{}", '{"info": null}', json.dumps({"info": {"features": {"label": {"_type": "Value"}}}})):
        assert open_source(table.replace_schema_metadata({"huggingface": absent})).classes == ("0", "1")


def test_only_the_column_of_images_is_converted(tmp_path: Path) -> None:
    """The rest may differ between the parts, and takes space."""
    for number, width in enumerate(([1], ["x"])):
        frame = pandas.DataFrame({**held("image", number, 1), "label": ["a"], "width": width})
        write_table(frame, tmp_path / f"p{number}.parquet")
    source = open_source(str(tmp_path / "p*.parquet"))
    assert source.classes == ("a",) and source.encoded(1) == held("image", 1, 1)["image"][0]


def test_a_column_whose_name_has_a_dot(tmp_path: Path) -> None:
    table = {"img": [b"no"], "img.png": held("image", 0, 1)["image"], "label.x": ["b"], "label": ["a"]}
    file = write_table(pyarrow.table(table), tmp_path / "t.parquet")
    source = open_source(Table(file, image="img.png", label="label.x"))
    assert source.classes == ("b",) and source.encoded(0) == table["img.png"][0]


def test_the_object_says_its_classes_and_not_its_files(tmp_path: Path) -> None:
    data = class_label(held("path", 0, 2), ["b", "a"], ["b", "a"])
    data.to_parquet(tmp_path / "t.parquet")
    renamed = Dataset.from_parquet(str(tmp_path / "t.parquet"), cache_dir=str(tmp_path / "cache"))
    renamed = renamed.cast_column("label", ClassLabel(names=["x", "y"]))
    assert open_source(renamed).classes == ("x", "y")
    assert open_source(renamed.with_format("numpy")).classes == ("x", "y")
    assert open_source(data.cast_column("label", Value("int64"))).classes == ("0", "1")
    assert datasets.ClassLabel(names=["x", "y"]) == renamed.features["label"]


def test_row_groups_keep_the_declared_order(tmp_path: Path) -> None:
    frame = pandas_frame(held("image", 0, 4), ["a", "b", "b", "b"], ["b", "unused", "a"])
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=2)
    assert parquet.read_metadata(tmp_path / "t.parquet").num_row_groups == 2
    assert open_source(tmp_path / "t.parquet").targets == [2, 0, 0, 0]
