"""Lists and manifests cut by NumPy say what Python and its json module say, line by line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.sources.listed.json_rows import class_texts, plain_rows
from dali_mixup.sources.listed.lists import _plain as plain_lines

CLASSES = ("a", "ab", "n01440764", "weiß", "")
PATHS = st.text(st.sampled_from('ab/._- é"\\,:{}0\u2028\t'), min_size=1, max_size=12)
ROWS = st.fixed_dictionaries(
    {"path": PATHS, "label": st.integers(0, 4)}, optional={"sizes": st.tuples(*[st.integers(0, 10**10)] * 3)}
)


def as_json(row: dict[str, object], ascii_only: bool) -> str:
    label = int(str(row["label"]))
    written = {"path": row["path"], "class": CLASSES[label], "label": label}
    if "sizes" in row:
        written |= zip(("width", "height", "bytes"), row["sizes"], strict=True)  # type: ignore[call-overload]
    return json.dumps(written, ensure_ascii=ascii_only)


@given(st.lists(ROWS, min_size=1, max_size=4), st.booleans())
def test_rows_are_what_json_reads(rows: list[dict[str, object]], ascii_only: bool) -> None:
    block = "".join(as_json(row, ascii_only) + "\n" for row in rows).encode()
    found = plain_rows(block, class_texts(CLASSES))
    if found is not None:
        read = [json.loads(line) for line in block.decode().split("\n")[:-1]]
        assert found[0] == "".join(row["path"] + "\0" for row in read).encode()
        assert found[1].tolist() == [row["label"] for row in read]


GOOD = '{"path": "x/1.jpg", "class": "a", "label": 0}'
SIZED = (
    '{"path": "x/1.jpg", "class": "ab", "label": 1, "width": 3, "height": 4, "bytes": 1234567890}'.replace(
        "1234567890", "123456789"
    )
)


def test_the_rows_that_are_written_are_plain() -> None:
    assert plain_rows(f"{GOOD}\n{GOOD}\n".encode(), class_texts(CLASSES)) is not None
    found = plain_rows(f"{SIZED}\n".encode(), class_texts(CLASSES))
    assert found is not None and found[0] == b"x/1.jpg\0" and found[1].tolist() == [1]


@given(st.sampled_from([GOOD, SIZED]), st.data())
def test_a_row_with_any_byte_changed_is_left_to_json(good: str, data: st.DataObject) -> None:
    """Or it says the same as json: then only the path, or a size, was changed."""
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + data.draw(st.characters(codec="ascii")) + good[at + 1 :]
    if "\n" in changed:
        return
    found = plain_rows(f"{good}\n{changed}\n".encode(), class_texts(CLASSES))
    if found is not None:
        row = json.loads(changed)
        assert row["path"] and not row["path"].startswith("/") and CLASSES[row["label"]] == row["class"]
        assert found[0].split(b"\0")[1] == row["path"].encode() and found[1][1] == row["label"]


@pytest.mark.parametrize(
    "bad",
    [GOOD.replace("0", "00"), GOOD.replace("0", "-0"), GOOD.replace('"a"', '"b"'), GOOD.replace("x/1", "/x"),
     GOOD.replace("x/1", "../x"), GOOD.replace("x/1.jpg", ""), GOOD.replace("0}", "9}"), GOOD + " ", GOOD + "}",
     SIZED.replace("width", "heigh"), SIZED.replace("3", "x"), "", "[1]"],
)  # fmt: skip
def test_a_row_that_may_be_wrong_is_not_plain(bad: str) -> None:
    assert plain_rows(f"{GOOD}\n{bad}\n".encode(), class_texts(CLASSES)) is None


NAMES = st.text(st.sampled_from("ab/._é \t\r\x0b\u3000"), min_size=0, max_size=8)
LABELS = st.one_of(st.integers(-1, 10**8).map(str), st.sampled_from(["+3", "007", "x", "", "1 2"]))


@pytest.mark.parametrize("separator", [None, "\t"])
@given(st.lists(st.tuples(NAMES, st.sampled_from([" ", "\t", "  "]), LABELS), min_size=1, max_size=3))
def test_lines_are_what_str_rsplit_gives(separator: str | None, lines: list[tuple[str, str, str]]) -> None:
    block = "".join(f"{name}{gap}{label}\n" for name, gap, label in lines).encode()
    for absolute in (False, True):
        found = plain_lines(block, separator, absolute)
        if found is not None:
            cuts = [line.rsplit(separator, 1) for line in block.decode().split("\n")[:-1]]
            assert found[0] == "".join(name + "\0" for name, _ in cuts).encode()
            assert found[1].tolist() == [int(label) for _, label in cuts]
            assert all(name.startswith("/") == absolute for name, _ in cuts)


def test_usual_lines_are_plain() -> None:
    found = plain_lines(b"a/1.jpg 0\nb/2.JPEG\t9999999\n", None, False)
    assert found is not None and found[0] == b"a/1.jpg\0b/2.JPEG\0"
    assert np.array_equal(found[1], [0, 9999999])
    assert plain_lines(b"a b/1.jpg\t0\n", "\t", False) is not None
