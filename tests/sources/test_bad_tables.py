"""CSV files and data frames that cannot be used: the message names the place and the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.sources import open_source
from dali_mixup.sources.tables.columns import Holds, chosen
from tests.sources.test_tables import COLUMNS, FRAMES, write

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"t\.csv is empty; expected a CSV file with a header"),
        ("\n\n", "is empty"),
        ("path,label\n", "has no rows"),
        (
            "a.jpg,0\nb.jpg,1\n",
            r"line 1: expected a header such as path,label, got \['a\.jpg', '0'\]; .* \.txt or \.tsv",
        ),
        ("path,path,label\n", "line 1: the column 'path' comes twice"),
        (
            "path,label\na.jpg,0\nb.jpg\n",
            r"line 3: expected 2 cells \['path', 'label'\], got 1: \['b\.jpg'\]",
        ),
        ("path,label\na.jpg,0,1\n", "line 2: expected 2 cells"),
        ("path,label\na.jpg,\n", "line 2: the column 'label' is empty"),
        ("path,label\na.jpg,  \n", "line 2: the column 'label' is empty"),
        ("path,label\na.jpg,0\n,0\n", "line 3: the column 'path' is empty"),
        (
            "path,label\na.jpg,0\nb.jpg,0.5\n",
            r"line 3: expected a whole number or a class name, got 0\.5; .*LabelVectors.* classes=",
        ),
        ("path,label\na.jpg,0\n\nb.jpg,123456789012345678901\n", "line 4: expected a whole number"),
        ('path,label\n"a.jpg,0\n', "cannot be read as CSV"),
        ('path,label\n"a"b.jpg,0\n', "line 2: cannot be read as CSV"),
        ("path,label\n../a.jpg,0\n", r"line 2: expected a path without `\.\.`, got '\.\./a\.jpg'; .* root="),
        ("path,label\na.jpg,-1\n", r"-1, expected labels that count from 0"),
        ("path,label\na.jpg,99999999999\n", "99999999999"),
        (
            "path,label\n" + "a" * 200_000 + ".jpg,0\n",
            "line 2: cannot be read as CSV: field larger than field limit",
        ),
    ],
)
def test_a_csv_file_that_cannot_be_used_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_source(write(tmp_path / "t.csv", text))


def test_paths_below_a_root_stay_there(tmp_path: Path) -> None:
    for path in ("../x.jpg", "/etc/x.jpg", "a/../../x.jpg"):
        for data in (
            write(tmp_path / "t.csv", f"path,label\n{path},0\n"),
            pandas.DataFrame({"path": [path], "label": [0]}),
        ):
            with pytest.raises(ValueError, match="stay below it"):
                open_source(data, root=tmp_path)
    absolute = open_source(write(tmp_path / "t.csv", "path,label\n/abs/x.jpg,0\n"))
    assert absolute.name(0) == "/abs/x.jpg"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"path": ["a.jpg", None], "label": [0, 1]}, "row 1: the column 'path' has no value"),
        ({"path": ["a.jpg", "b.jpg"], "label": [0, None]}, "row 1: the column 'label' has no value"),
        (
            {"path": ["a.jpg"], "label": [0.5]},
            r"row 0: expected a whole number or a class name, got 0\.5; .*LabelVectors",
        ),
        ({"path": ["a.jpg"], "label": [[0, 1]]}, "no column is certain to hold the labels"),
        ({"path": [], "label": []}, "no column|has no rows"),
    ],
)
def test_a_frame_that_cannot_be_used_names_the_row(columns: Any, message: str) -> None:
    for frame in FRAMES:
        with pytest.raises(ValueError, match=message):
            open_source(frame(columns))


def test_what_is_nearly_a_table_is_pointed_out(tmp_path: Path) -> None:
    lazy = polars.DataFrame(COLUMNS).lazy()
    with pytest.raises(TypeError, match=r"got LazyFrame; give its collect\(\)"):
        open_source(lazy)
    moment = pandas.DataFrame({"path": ["a.jpg"], "label": [pandas.Timestamp("2020-01-01")]})
    with pytest.raises(ValueError, match=r"labels; there are 'label' \(something else\)"):
        open_source(moment)
    for value in (np.inf, 1e30, np.uint64(2**63)):
        with pytest.raises(ValueError, match="row 0: expected a whole number or a class name"):
            open_source(pandas.DataFrame({"path": ["a.jpg"], "label": [value]}))
    with pytest.raises(
        ValueError, match="the DataFrame cannot be converted to Arrow: Duplicate column names"
    ):
        open_source(pandas.DataFrame([["a.jpg", "b.jpg", 0]], columns=["path", "path", "label"]))


def test_a_frame_that_arrow_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"paths as text, frame\['path'\]\.astype\(str\)"):
        open_source(pandas.DataFrame({"path": [Path("a.jpg")], "label": [0]}))
    frame = pandas.DataFrame({"path": ["a.jpg", "b.jpg"], "label": [0, 1], "odd": [1, "x"]})
    with pytest.raises(
        ValueError, match=r"the DataFrame cannot be converted to Arrow: .* give only its two columns"
    ):
        open_source(frame)
    assert len(open_source(frame[["path", "label"]], root="/")) == 2


@given(st.lists(st.lists(names, min_size=1, max_size=4), max_size=4), st.sampled_from([",", ";", "\t"]))
def test_whatever_is_in_a_csv_file_is_a_source_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], separator: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    file.write_bytes("\n".join([separator.join(["path", "label"]), *map(separator.join, rows)]).encode())
    try:
        source = open_source(file)
    except ValueError as error:
        assert str(file) in str(error) or "is not a file name" in str(error) or "outside" in str(error)
    else:
        assert len(source) > 0


@given(
    st.dictionaries(names.filter(bool), st.sampled_from(list(Holds)), max_size=6),
    st.none() | names,
    st.none() | names,
)
def test_columns_are_chosen_or_refused(
    columns: dict[str, Holds], image: str | None, label: str | None
) -> None:
    try:
        taken = chosen(columns, image, label, "the table")
    except ValueError as error:
        assert str(error).startswith("the table")
    else:
        assert set(taken) <= set(columns)
        assert (image is None or taken[0] == image) and (label is None or taken[1] == label)
