"""The files that a table lies in: paths beside each, formats, and files that are no table together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pyarrow
import pytest
from datasets import Dataset, load_dataset
from pyarrow import feather

from dali_mixup.sources import Source, Table, open_source
from tests.pixel_files import png
from tests.sources.declared_tables import write_table

ENDINGS = (".parquet", ".arrow", ".ipc.arrow")


def names(source: Source) -> list[str]:
    return [source.name(row) for row in range(len(source))]


def tables_of(folder: Path, ending: str, paths: dict[str, list[str]]) -> list[Path]:
    """A table of these paths in each of these folders."""
    files = []
    for name, listed in paths.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        columns = {"file_name": listed, "label": [len(files)] * len(listed)}
        files.append(write_table(pyarrow.table(columns), folder / name / f"metadata{ending}"))
    return files


@pytest.mark.parametrize("ending", ENDINGS)
def test_paths_are_beside_the_file_that_names_them(tmp_path: Path, ending: str) -> None:
    files = tables_of(tmp_path, ending, {"r1": ["0.jpg", "x/1.jpg"], "r2/deep": ["0.jpg"], "r1/b": ["0.jpg"]})
    source = open_source(files)
    keys = ["r1/0.jpg", "r1/x/1.jpg", "r2/deep/0.jpg", "r1/b/0.jpg"]
    assert names(source) == [f"{tmp_path}/{key}" for key in keys]
    assert [source.key(row) for row in range(4)] == keys and source.targets == [0, 0, 1, 2]
    moved = open_source(files, root="/images")
    assert names(moved) == [f"/images/{key}" for key in ("0.jpg", "x/1.jpg", "0.jpg", "0.jpg")]
    assert names(open_source(str(tmp_path / f"r1/b/*{ending}"))) == [f"{tmp_path}/r1/b/0.jpg"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_in_the_working_folder(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(pyarrow.table({"path": ["a/0.jpg", "b/1.jpg"], "label": [0, 1]}), Path(f"t{ending}"))
    for given in (f"t{ending}", f"./t{ending}", [Path(f"t{ending}")], f"t*{ending}", Table(f"t{ending}")):
        assert names(open_source(given)) == [f"{tmp_path}/a/0.jpg", f"{tmp_path}/b/1.jpg"]


def test_whole_paths_and_urls_stay_in_every_part(tmp_path: Path) -> None:
    files = tables_of(tmp_path, ".parquet", {"r1": ["/data/0.jpg"], "r2": ["1.jpg"]})
    assert names(open_source(files)) == ["/data/0.jpg", f"{tmp_path}/r2/1.jpg"]
    urls = [f"https://example.org/{part}.jpg" for part in range(2)]
    files = tables_of(tmp_path, ".parquet", {"r1": urls[:1], "r2": urls[1:]})
    assert names(open_source(files)) == urls
    files = tables_of(tmp_path, ".parquet", {"r1": ["0.jpg"], "r2": ["1.jpg", "../r1/0.jpg"]})
    with pytest.raises(ValueError, match=r"r2/metadata\.parquet, row 1: expected a path without `\.\.`"):
        open_source(files)


def test_image_folders_of_datasets(tmp_path: Path) -> None:
    """Its own reading of metadata in every folder gives the same images."""
    for folder, name in (("r1", "0.png"), ("r2", "0.png"), ("r2", "1.png")):
        (tmp_path / "train" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "train" / folder / name).write_bytes(
            png(np.full((2, 2, 3), len(folder + name), np.uint8))
        )
    tables_of(tmp_path / "train", ".parquet", {"r1": ["0.png"], "r2": ["1.png", "0.png"]})
    theirs = load_dataset("imagefolder", data_dir=str(tmp_path), cache_dir=str(tmp_path / "cache"))["train"]
    stored = theirs.with_format("arrow")[:]["image"].to_pylist()
    source = open_source(str(tmp_path / "train/*/metadata.parquet"))
    expected = {(image["path"], label) for image, label in zip(stored, theirs["label"], strict=True)}
    assert set(source.samples) == expected and len(source) == 3


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_both_formats_of_arrow_files(tmp_path: Path, compression: Any) -> None:
    images = [png(np.full((2, 2, 3), row, np.uint8)) for row in range(4)]
    frame = polars.DataFrame({"image": images, "label": ["b", "a", "b", "b"]})
    frame[:2].write_ipc(tmp_path / "p0.arrow", compression=compression)
    frame[2:3].write_ipc_stream(tmp_path / "p1.arrow", compression=compression)
    feather.write_feather(frame[3:].to_arrow(), str(tmp_path / "p2.arrow"), compression=compression)
    source = open_source(str(tmp_path / "p*.arrow"))
    assert source.classes == ("a", "b") and source.targets == [1, 0, 1, 1]
    assert [source.encoded(row) for row in (3, 2, 1, 0)] == images[::-1]
    assert source.name(2) == f"{tmp_path}/p0.arrow/2"


def test_damaged_arrow_files_are_named(tmp_path: Path) -> None:
    for ending in (".arrow", ".ipc.arrow"):
        (file,) = tables_of(tmp_path, ending, {"r": ["0.jpg"]})
        whole = file.read_bytes()
        # A stream without its last bytes, which mark the end, is whole.
        for content in (b"", whole[: len(whole) // 2], whole[:6], b"ARROW1\0\0junk"):
            file.write_bytes(content)
            with pytest.raises(ValueError, match=r"metadata\S*\.arrow' cannot be read as Arrow: "):
                open_source(file)
    frame = pyarrow.table({"file_name": ["0.jpg"], "lab": [1]})
    files = tables_of(tmp_path, ".arrow", {"a": ["0.jpg"], "b": ["0.jpg"]})
    write_table(frame, files[1])
    with pytest.raises(
        ValueError, match=r"b/metadata\.arrow has no column 'label', which .*a/metadata\.arrow has"
    ):
        open_source(files)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["a.csv", "b.csv"],
            r"several files are one table only if all are \.parquet or .*, got 'a\.csv'; write",
        ),
        (
            ["a.parquet", "b.tsv"],
            r"several files .*, got 'b\.tsv' beside 'a\.parquet'; write the rows of all",
        ),
        (["a.parquet", "b.arrow"], r"several files .*, got 'b\.arrow' beside 'a\.parquet'"),
        (["a.ARROW", "b.arrow", "c.PARQUET"], r"several files .*, got 'c\.PARQUET' beside 'a\.ARROW'"),
        (
            "a.xls",
            r"expected a \.csv, \.tsv, \.txt, \.parquet or \.arrow file, .* save_to_disk, got 'a\.xls'",
        ),
        (["a.xls"], r"expected a \.csv, .*, got 'a\.xls'"),
    ],
)
def test_files_that_are_no_table(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"Table: {message}"):
        open_source(Table(given))


def test_several_saved_folders_are_no_table(tmp_path: Path) -> None:
    """Only the first one was read."""
    folders = []
    for number in range(2):
        data = Dataset.from_dict({"path": [f"/{number}.jpg"], "label": [number]})
        data.save_to_disk(tmp_path / f"s{number}")
        folders.append(tmp_path / f"s{number}")
    assert names(open_source(Table(folders[:1]))) == ["/0.jpg"]
    with pytest.raises(
        ValueError, match=r"Table: several files .*, got '\S+s0'; write the rows of all into one"
    ):
        open_source(Table(folders))


def test_a_parquet_file_whose_name_is_a_pattern(tmp_path: Path) -> None:
    image = png(np.zeros((2, 2, 3), np.uint8))
    file = write_table(pyarrow.table({"image": [image], "label": [0]}), tmp_path / "train[1]*.parquet")
    write_table(pyarrow.table({"image": [b"other"], "label": [3]}), tmp_path / "train1.parquet")
    source = open_source(file)
    assert source.encoded(0) == image and source.targets == [0]


def test_an_old_copy_of_a_parquet_file_is_noticed(tmp_path: Path) -> None:
    """datasets knows a file by its path and time; labels would belong to other images."""
    file = tmp_path / "t.parquet"
    for rows in (2, 1):
        write_table(pyarrow.table({"image": [b"x"] * rows, "label": [0] * rows}), file)
        os.utime(file, (1_000_000_000, 1_000_000_000))
        if rows == 2:
            assert len(open_source(file)) == 2
    with pytest.raises(ValueError, match=r"the copy in .* has 2 rows, expected 1; delete that copy"):
        open_source(file)
