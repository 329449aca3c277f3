from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.sources import FileList, open_source

NAMES = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30
).map(lambda text: text.lstrip("/") or "x")


def small() -> FileList:
    return FileList(
        ["a/0.jpg", "a/1.jpg", "b/0.jpg", "b/é 1.jpg"], [0, 0, 2, 2], ["a", "empty", "b"], root="/data/x"
    )


@given(names=st.lists(NAMES, min_size=1, max_size=30), root=st.sampled_from(["/", "/r", "/r/", "/r/ü/"]))
def test_what_goes_in_comes_out(names: list[str], root: str) -> None:
    source = FileList(names, np.zeros(len(names), int), ["only"], root=root)
    full = [f"{root.rstrip('/')}/{name}" for name in names]
    assert [source.name(i) for i in range(len(source))] == full
    assert [source.key(i) for i in range(len(source))] == names
    assert [path.tobytes() for path in source.feed(np.arange(len(names)))] == [
        os.fsencode(path) for path in full
    ]


def test_feed_gives_the_rows_asked_for_as_bytes_of_paths() -> None:
    paths = small().feed(np.array([3, 0, 3]))
    assert [bytes(path).decode() for path in paths] == [
        "/data/x/b/é 1.jpg",
        "/data/x/a/0.jpg",
        "/data/x/b/é 1.jpg",
    ]
    assert all(path.dtype == np.uint8 and not path.flags.writeable for path in paths)
    assert FileList.read_in_dali


def test_labels_and_classes() -> None:
    source = small()
    assert source.labels.dtype == np.int32 and source.labels.tolist() == [0, 0, 2, 2]
    assert (len(source), source.num_classes, source.classes) == (4, 3, ("a", "empty", "b"))
    assert FileList(["x", "y"], [0, 3]).classes == ("0", "1", "2", "3")
    with pytest.raises(ValueError, match="read-only"):
        source.labels[0] = 1


def test_the_fingerprint_tells_data_apart_but_not_where_they_lie(tmp_path: Path) -> None:
    keys, labels, classes = ["a/0.jpg", "b/1.jpg"], [0, 1], ["a", "b"]
    digest = FileList(keys, labels, classes, root="/here").fingerprint()
    assert digest == FileList([f"/there/far/{key}" for key in keys], labels, classes).fingerprint()
    assert digest == FileList(keys, np.array(labels, np.uint8), classes, root=tmp_path).fingerprint()
    others = [
        FileList(keys[::-1], labels[::-1], classes, root="/here"),
        FileList(["a/0.jpg", "b/2.jpg"], labels, classes, root="/here"),
        FileList(keys, [0, 0], classes, root="/here"),
        FileList(keys, labels, ["a", "c"], root="/here"),
        FileList(keys, labels, ["a", "b", "c"], root="/here"),
        FileList(keys, labels, classes, root="/here").subset([0]),
    ]
    assert len({digest, *(other.fingerprint() for other in others)}) == len(others) + 1


def test_the_fingerprint_is_pinned() -> None:
    """Saved positions of a run hold it: changing it makes them all unusable."""
    assert small().fingerprint() == "5cc857603a2426466eb1650c272a62a9a0d67144c7d858e38408e4016b8176b6"


def test_subset_and_exclude_keep_labels_and_names() -> None:
    source = small()
    part = source.subset(np.array([3, 1]))
    assert [part.key(i) for i in range(2)] == ["b/é 1.jpg", "a/1.jpg"]
    assert part.labels.tolist() == [2, 0] and part.classes == source.classes
    assert part.feed(np.array([0]))[0].tobytes() == source.feed(np.array([3]))[0].tobytes()
    rest = source.exclude(["a/1.jpg", "/data/x/b/0.jpg", 0])
    assert [rest.key(i) for i in range(len(rest))] == ["b/é 1.jpg"]
    assert rest.subset([0]).exclude([]).key(0) == "b/é 1.jpg"
    assert len(source) == 4, "the source itself is unchanged"


def test_bad_subsets_and_exclusions_are_refused() -> None:
    source = small()
    with pytest.raises(IndexError, match=r"index 4 is outside \[0, 4\)"):
        source.subset([0, 4])
    with pytest.raises(TypeError, match="whole numbers"):
        source.subset([0.5])
    with pytest.raises(ValueError, match="none of the 4 samples is left"):
        source.subset([])
    with pytest.raises(ValueError, match="none of the 4 samples is left"):
        source.exclude(range(4))
    with pytest.raises(
        ValueError, match=r"1 of 2 names to exclude are not in the data, such as \['c/9.jpg'\]"
    ):
        source.exclude(["a/0.jpg", "c/9.jpg"])
    with pytest.raises(TypeError, match="got one name"):
        source.exclude("a/0.jpg")
    for bad in (-1, 4, 1.0, True, None):
        with pytest.raises(TypeError, match="names or indices"):
            source.exclude([bad])


@pytest.mark.parametrize(
    ("paths", "labels", "classes", "error", "message"),
    [
        (["a"], [1], ["x"], ValueError, r"label of '/r/a' is 1, outside \[0, 1\)"),
        (["a"], [-1], ["x"], ValueError, r"label of '/r/a' is -1"),
        (["a"], [0, 0], ["x"], ValueError, r"1 samples need labels of shape \(1,\), got \(2,\)"),
        (["a"], [[0]], ["x"], ValueError, "shape"),
        (["a"], [0.5], ["x"], TypeError, "whole numbers"),
        (["a"], ["0"], ["x"], TypeError, "whole numbers"),
        (["a"], [10**30], None, TypeError, "whole numbers"),
        (["a"], [10**9], None, ValueError, "1000000001 classes"),
        (["a"], [True], ["x"], TypeError, "whole numbers"),
        (["a", "b"], [True, 0], ["x", "y"], TypeError, "whole numbers"),
        (["a"], [[0], [0, 1]], ["x"], TypeError, "whole numbers"),
        ([], [], ["x"], ValueError, "no samples"),
        ([""], [0], ["x"], ValueError, "must not be empty"),
        (["a", "b\0c"], [0, 0], ["x"], ValueError, "name 1 .*zero byte"),
        (["a", "/b"], [0, 0], ["x"], ValueError, "'/b' is absolute"),
        ([3], [0], ["x"], TypeError, "path must be"),
    ],
)
def test_bad_input_is_named(
    paths: list[str], labels: list[int], classes: list[str] | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        FileList(paths, labels, classes, root="/r")


ANYTHING = st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.booleans()


@given(
    paths=st.lists(ANYTHING, max_size=4) | ANYTHING,
    labels=st.lists(ANYTHING, max_size=4) | ANYTHING,
    classes=st.none() | st.lists(st.text(), max_size=3),
)
def test_anything_else_is_a_list_of_files_or_a_clear_error(
    paths: object, labels: object, classes: object
) -> None:
    try:
        source = FileList(paths, labels, classes)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        assert str(error)
    else:
        assert len(source) == len(source.labels) > 0


def test_paths_may_be_path_objects_or_bytes_and_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = open_source([(Path("a/1.jpg"), 0), (b"a/2.jpg", 1), (str(tmp_path / "b.jpg"), 1)])
    assert [source.name(i) for i in range(3)] == [
        f"{tmp_path}/{name}" for name in ("a/1.jpg", "a/2.jpg", "b.jpg")
    ]
    assert source.key(0) == "a/1.jpg"
