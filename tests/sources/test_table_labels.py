"""The labels in a column of text: numbers, or names, and never numbers that one odd cell makes names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import polars
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.sources import open_source
from dali_mixup.sources.classes import class_map
from dali_mixup.sources.tables.cells import is_number, means_missing
from dali_mixup.sources.tables.labels import of_numbers, of_texts
from tests.sources.test_tables import FRAMES, write

MISSING = ["NaN", "nan", "NA", "n/a", "<NA>", "null", "None", "inf", "-inf", "Infinity"]
whole = st.integers(-(10**6), 10**6)
letters = st.text(min_size=1, max_size=8).filter(lambda text: text.strip() and not is_number(text))


def csv_of(tmp_path: Path, labels: list[str], separator: str = ",") -> Path:
    rows = [f"{number}.jpg{separator}{label}\n" for number, label in enumerate(labels)]
    return write(tmp_path / "t.csv", f"path{separator}label\n" + "".join(rows))


@pytest.mark.parametrize("odd", [*MISSING, "unknown", "0x1", "1_0", "٣", "1 0", "b"])
def test_numbers_with_one_odd_cell_are_refused_by_its_row(tmp_path: Path, odd: str) -> None:
    why = "stands for a missing label" if odd in MISSING else "is not a number"
    message = rf"(row 1|line 3): the label '{odd}' {why}, but others are numbers, such as '10'; .*classes=\[\.\.\.\]"
    labels = ["10", odd, "9"]
    frames = [frame({"path": ["a.jpg", "b.jpg", "c.jpg"], "label": labels}) for frame in FRAMES]
    for data in (csv_of(tmp_path, labels), *frames):
        with pytest.raises(ValueError, match=message):
            open_source(data)
        named = open_source(data, classes=["9", "10", odd])
        assert named.targets == [1, 2, 0] and named.classes == ("9", "10", odd)
        with pytest.raises(
            ValueError, match=rf"(row 1|line 3): the label '{odd}' .*classes=.*, which lacks '{odd}'"
        ):
            open_source(data, classes=["9", "10"])


@pytest.mark.parametrize("odd", ["0,5", "1,5", "1,0", "1,000", "1e400", "0.5"])
@pytest.mark.parametrize("others", [["0", "1"], ["0,5", "1,5"]])
def test_commas_and_fractions_are_no_classes(tmp_path: Path, odd: str, others: list[str]) -> None:
    line = 3 if others[0] == "0" else 2
    with pytest.raises(ValueError, match=rf"line {line}: expected a whole number .* got .*LabelVectors"):
        open_source(csv_of(tmp_path, [others[0], odd, others[1]], ";"))


@pytest.mark.parametrize("labels", [["cat", " ", "dog"], ["1", "", "2"]])
def test_an_empty_label_is_refused(labels: list[str]) -> None:
    for frame in (pandas.DataFrame, polars.DataFrame, pyarrow.table):
        with pytest.raises(ValueError, match="row 1: the label is empty"):
            open_source(frame({"path": ["a.jpg", "b.jpg", "c.jpg"], "label": labels}))


def test_names_that_may_stand_for_a_missing_label_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = open_source(csv_of(tmp_path, ["scratch", "none", "edge"]))
    assert source.classes == ("edge", "none", "scratch")
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "'none' is taken as the name of a class" in warning.getMessage()
    caplog.clear()
    open_source(tmp_path / "t.csv", classes=["none", "edge", "scratch"])
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("labels", [[1.0, 0.0], [1, 0]])
def test_classes_of_digits_mean_the_same_in_a_frame_and_its_csv_file(
    tmp_path: Path, labels: list[float]
) -> None:
    frame = pandas.DataFrame({"path": ["a.jpg", "b.jpg"], "label": labels})
    frame.to_csv(tmp_path / "t.csv", index=False)
    for data in (frame, tmp_path / "t.csv"):
        assert open_source(data, classes=["1", "0"]).targets == [0, 1]
        assert open_source(data, classes=["x", "y"]).targets == [1, 0]


@given(st.lists(whole, min_size=1), st.lists(whole, unique=True, max_size=5), st.booleans())
def test_text_of_numbers_means_what_the_numbers_mean(ids: list[int], known: list[int], all_of: bool) -> None:
    names = [str(number) for number in {*known, *(ids if all_of else [])}]
    classes = class_map(names) if names else None
    numbers: Any = of_numbers(ids, classes, str)
    for texts in (map(str, ids), (f"{number}.0" for number in ids), (f"{number}e0" for number in ids)):
        found = of_texts(list(texts), classes, str)
        assert found.ids.tolist() == numbers.ids.tolist() and found.classes == numbers.classes


@given(st.lists(letters, min_size=1))
def test_texts_that_are_no_numbers_are_names_in_sorted_order(texts: list[str]) -> None:
    found = of_texts(texts, None, str)
    assert found.classes == tuple(sorted(set(texts)))
    assert [found.classes[label] for label in found.ids] == texts


def test_what_is_a_number_and_what_is_missing() -> None:
    assert all(map(is_number, ["1", "+1", "-2.", ".5", "1e-3", "0,5", ",5", "1,000", "9" * 30]))
    assert not any(map(is_number, ["", ".", ",", "e1", "0x1", "1_0", "1 0", "1,0,0", "inf", "nan", "٣"]))
    assert all(map(means_missing, MISSING)) and not any(
        map(means_missing, ["cat", "nana", "information", "0"])
    )
