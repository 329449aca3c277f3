"""Tables in several Parquet files: one table whatever wrote the parts, or an error that names the odd file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from pyarrow import parquet

from dali_mixup.sources import open_source


def write_parts(folder: Path, *labels: Any, more: tuple[dict[str, Any], ...] = ()) -> str:
    """The pattern of files p0.parquet, ..., each with one of these columns of labels."""
    for number, column in enumerate(labels):
        path = folder / f"p{number}.parquet"
        columns = {"path": [f"{number}-{row}.jpg" for row in range(len(column))], "label": column}
        columns |= more[number] if more else {}
        if isinstance(column, pandas.Categorical):
            pandas.DataFrame(columns).to_parquet(path)
        elif isinstance(column, polars.Series):
            polars.DataFrame(columns).write_parquet(path)
        else:
            parquet.write_table(pyarrow.table(columns), path)
    return str(folder / "p*.parquet")


def meaning(pattern: str, **options: Any) -> list[tuple[str, str]]:
    source = open_source(pattern, **options)
    return [(source.filename(i), source.classes[label]) for i, label in enumerate(source.targets)]


@pytest.mark.parametrize(
    "second",
    [
        np.array([2, 0], np.int32),
        np.array([2, 0], np.uint64),
        np.array([2, 0], np.uint8),
        np.array([2, 0], np.float32),
        pyarrow.array([2, 0]).dictionary_encode(),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_numbers_of_any_width_are_one_column(tmp_path: Path, second: Any, turned: bool) -> None:
    first = np.array([1, 3], np.int64)
    parts, expected = ([second, first], [2, 0, 1, 3]) if turned else ([first, second], [1, 3, 2, 0])
    assert open_source(write_parts(tmp_path, *parts)).targets == expected


@pytest.mark.parametrize(
    "second",
    [
        pyarrow.array(["ant", "dog"], pyarrow.large_string()),
        pyarrow.array(["ant", "dog"]).dictionary_encode(),
        polars.Series(["ant", "dog"], dtype=polars.Categorical),
    ],
)
def test_texts_of_any_type_are_one_column(tmp_path: Path, second: Any) -> None:
    pattern = write_parts(tmp_path, ["dog", "cat"], second)
    assert [name for _, name in meaning(pattern)] == ["dog", "cat", "ant", "dog"]
    assert open_source(pattern).classes == ("ant", "cat", "dog")


DECLARED = [
    lambda names, order: pandas.Categorical(names, categories=order),
    lambda names, order: polars.Series(names, dtype=polars.Enum(order)),
]


@pytest.mark.parametrize("declare", DECLARED)
def test_classes_that_every_part_declares_keep_their_order(tmp_path: Path, declare: Any) -> None:
    order = ["dog", "unused", "cat", "ant"]
    pattern = write_parts(tmp_path, declare(["dog", "cat"], order), declare(["ant", "dog"], order))
    source = open_source(pattern)
    assert source.classes == tuple(order) and source.targets == [0, 2, 3, 0]


@pytest.mark.parametrize("declare", DECLARED)
@pytest.mark.parametrize("other", [["cat", "dog"], ["ant", "dog"], None])
def test_parts_that_declare_other_classes_are_refused(
    tmp_path: Path, declare: Any, other: list[str] | None
) -> None:
    """Labels would depend on which parts there are, and in which order."""
    second = ["dog"] if other is None else declare(["dog"], other)
    pattern = write_parts(tmp_path, declare(["dog", "cat"], ["dog", "cat"]), second)
    declares = "no classes" if other is None else f"the classes '{other[0]}', 'dog'|the classes 'cat', 'dog'"
    with pytest.raises(ValueError, match=rf"p1\.parquet: the column 'label' declares ({declares}), but in"):
        open_source(pattern)
    stated = open_source(pattern, classes=["ant", "cat", "dog"])
    assert stated.targets == [2, 1, 2]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (["x"], r"p1\.parquet: the column 'label' holds string, but in .*p0\.parquet int64"),
        (pyarrow.array([None], pyarrow.null()), r"p1\.parquet: the column 'label' holds null"),
        (pyarrow.array([None, 3]), r"p1\.parquet, row 0: the column 'label' has no value"),
        (pyarrow.array([2, 0.5]), r"p1\.parquet, row 1: expected a whole number .* got 0\.5"),
        (np.array([2**63], np.uint64), r"the column 'label': .*9223372036854775808"),
    ],
)
def test_the_odd_file_is_named(tmp_path: Path, second: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_source(write_parts(tmp_path, [1, 3], second))


def test_columns_that_are_not_taken_may_differ(tmp_path: Path) -> None:
    more = ({"width": [1, 2]}, {"width": ["x", "y"], "height": [0.5, None]})
    assert open_source(write_parts(tmp_path, [1, 3], [2, 0], more=more)).targets == [1, 3, 2, 0]
    parquet.write_table(pyarrow.table({"path": ["a.jpg"], "lab": [1]}), tmp_path / "p1.parquet")
    with pytest.raises(ValueError, match=r"p1\.parquet has no column 'label', 'width', which .*p0\.parquet"):
        open_source(str(tmp_path / "p*.parquet"))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    pattern = write_parts(tmp_path, [1, 3], [2, 0])
    content = (tmp_path / "p1.parquet").read_bytes()
    for number in (0, 1):
        for wrong in (b"", content[:-20], b"PAR1junkjunkjunkPAR1"):
            write_parts(tmp_path, [1, 3], [2, 0])
            (tmp_path / f"p{number}.parquet").write_bytes(wrong)
            with pytest.raises(ValueError, match=rf"p{number}\.parquet' cannot be read as Parquet: "):
                open_source(pattern)


@pytest.mark.parametrize("ordered", [False, True])
def test_a_missing_value_in_a_dictionary_is_no_class(ordered: bool) -> None:
    def table(codes: list[int]) -> Any:
        column = pyarrow.DictionaryArray.from_arrays(codes, ["z", None, "a"], ordered=ordered)
        return pyarrow.table({"path": [f"{row}.jpg" for row in range(len(codes))], "label": column})

    with pytest.raises(ValueError, match="row 1: the column 'label' has no value"):
        open_source(table([0, 1, 2]))
    source = open_source(table([0, 2, 2]))
    assert source.classes == (("z", "a") if ordered else ("a", "z"))
    assert [source.classes[label] for label in source.targets] == ["z", "a", "a"]


def test_numbers_in_a_dictionary_may_be_missing() -> None:
    column = pyarrow.DictionaryArray.from_arrays([0, 1], [3, None])
    with pytest.raises(ValueError, match="row 1: the column 'label' has no value"):
        open_source(pyarrow.table({"path": ["a.jpg", "b.jpg"], "label": column}))
