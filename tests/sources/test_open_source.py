from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torchvision.datasets import ImageFolder

from dali_mixup.sources import Table, open_source, write_manifest
from tests.tars import pair, write_tar


def test_the_same_data_have_one_fingerprint_however_they_are_given(
    image_folder: Path, tmp_path: Path
) -> None:
    folder = open_source(image_folder)
    for name in ("m.jsonl", "m.parquet"):
        if name.endswith("parquet"):
            pytest.importorskip("pyarrow")
        write_manifest(tmp_path / name, folder)  # type: ignore[arg-type]
        assert open_source(tmp_path / name).fingerprint() == folder.fingerprint()
    assert open_source(folder) is folder
    pairs = open_source(ImageFolder(str(image_folder)).samples)
    assert [pairs.name(i) for i in range(len(pairs))] == [folder.name(i) for i in range(len(folder))]
    assert pairs.labels.tolist() == folder.labels.tolist()


def test_lists_take_paths_with_blanks_relative_to_themselves(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a b/c d.jpg 1\n\n/abs/x.jpg\t0\r\n  lead.jpg 2\n")
    source = open_source(tmp_path / "list.txt")
    assert [source.name(i) for i in range(3)] == [
        f"{tmp_path}/a b/c d.jpg",
        "/abs/x.jpg",
        f"{tmp_path}/  lead.jpg",
    ]
    assert source.labels.tolist() == [1, 0, 2] and source.classes == ("0", "1", "2")
    (tmp_path / "list.tsv").write_text("ends with blank .jpg\t1\n")
    assert open_source(str(tmp_path / "list.tsv")).name(0) == f"{tmp_path}/ends with blank .jpg"


def test_a_list_with_a_header_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "list.tsv").write_text("path\tlabel\na.jpg\tcat\n")
    for classes in (None, ["cat"]):
        with pytest.raises(ValueError, match=r"line 1: .*a file with a header is read by Table\(path\)"):
            open_source(tmp_path / "list.tsv", classes=classes)
    assert open_source(Table(tmp_path / "list.tsv")).classes == ("cat",)


def test_paths_of_numpy_are_paths(image_folder: Path, tmp_path: Path) -> None:
    source = open_source(image_folder)
    paths, labels = np.array([source.name(i) for i in range(24)]), np.array(source.targets)
    assert open_source(list(zip(paths, labels, strict=True))).samples == source.samples
    shard = write_tar(tmp_path / "t.tar", pair(1))
    assert len(open_source([np.str_(shard)])) == 1


@pytest.mark.parametrize("text", ["a.jpg\n", "a.jpg one\n", "b.jpg 0\na.jpg 1.0\n", "1\n"])
def test_a_bad_line_of_a_list_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(
        ValueError, match=rf"list.txt, line {text.count(chr(10))}: expected a path and a label"
    ):
        open_source(tmp_path / "list.txt")


def test_exclude_leaves_samples_out(image_folder: Path) -> None:
    whole = open_source(image_folder)
    part = open_source(image_folder, exclude=[whole.key(0), whole.name(1), 2])
    assert [part.key(i) for i in range(len(part))] == [whole.key(i) for i in range(3, len(whole))]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ("/no/such/thing", FileNotFoundError, "the file or folder '/no/such/thing' does not exist"),
        ([], ValueError, "empty"),
        ([("a.jpg", 0), "b.jpg"], TypeError, "entry 1 must be a pair"),
        ([("a.jpg", 0, 1)], TypeError, "entry 0 must be a pair"),
        (None, TypeError, "data must be a folder"),
        (42, TypeError, "got int"),
        ({"a": 1}, TypeError, "got dict"),
    ],
)
def test_what_is_no_data_is_refused(data: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_source(data)  # type: ignore[arg-type]


def test_files_of_unknown_and_empty_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data.rar").touch()
    with pytest.raises(ValueError, match=r"cannot identify .*data\.rar"):
        open_source(tmp_path / "data.rar")
    (tmp_path / "empty.txt").touch()
    with pytest.raises(ValueError, match=r"empty\.txt' is empty"):
        open_source(tmp_path / "empty.txt")


ANYTHING = st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.booleans()


@given(
    data=ANYTHING
    | st.lists(ANYTHING | st.tuples(ANYTHING, ANYTHING), max_size=3)
    | st.dictionaries(ANYTHING, ANYTHING),
    exclude=st.none() | ANYTHING | st.lists(ANYTHING, max_size=3),
)
def test_whatever_is_given_is_a_source_or_a_clear_error(data: object, exclude: object) -> None:
    try:
        source = open_source(data, exclude=exclude)  # type: ignore[arg-type]
    except (TypeError, ValueError, OSError) as error:
        assert str(error)
    else:
        assert len(source) > 0


def test_sources_load_neither_dali_nor_torch() -> None:
    code = (
        "import sys, dali_mixup.sources; "
        "assert not {'torch', 'nvidia.dali', 'pyarrow', 'PIL'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
