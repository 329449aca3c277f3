"""Hugging Face's datasets and the files they are stored in."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
from pyarrow import parquet

from dali_mixup.sources import Source, Table, open_source

NAMES = ["ant", "bee", "cat"]
LABELS = [2, 0, 1, 1]


@pytest.fixture
def blobs(image_folder: Path) -> list[bytes]:
    source = open_source(image_folder)
    return [source.encoded(i) for i in (0, 7, 14, 21)]


@pytest.fixture
def dataset(blobs: list[bytes]) -> Dataset:
    features = Features({"id": Value("int64"), "image": Image(), "label": ClassLabel(names=NAMES)})
    images = [{"bytes": blob, "path": f"{i}.jpg"} for i, blob in enumerate(blobs)]
    return Dataset.from_dict({"id": [7, 8, 9, 10], "image": images, "label": LABELS}, features=features)


def encoded(source: Source) -> list[bytes]:
    return [row.tobytes() for row in source.feed(np.arange(len(source)))]


def test_images_are_taken_as_they_are_stored(dataset: Dataset, blobs: list[bytes]) -> None:
    source = open_source(dataset)
    assert encoded(source) == blobs and source.targets == LABELS
    assert source.classes == tuple(NAMES) and source.classes_named
    for index in range(4):
        theirs, label = dataset[index]["image"], dataset[index]["label"]
        image, ours = source[index]
        assert image.tobytes() == theirs.convert("RGB").tobytes() and ours == label


def test_rows_are_those_of_the_object(dataset: Dataset, blobs: list[bytes], tmp_path: Path) -> None:
    changed = {
        "shuffled": dataset.shuffle(seed=3),
        "selected": dataset.select([3, 1]),
        "filtered": dataset.filter(lambda row: row["label"] == 1),
        "sharded": dataset.shard(2, 1),
        "joined": datasets.concatenate_datasets([dataset, dataset.select([0])]),
        "split": dataset.train_test_split(0.5, seed=0)["train"],
    }
    dataset.save_to_disk(tmp_path / "saved")
    changed["loaded"] = datasets.load_from_disk(str(tmp_path / "saved"))
    for name, data in changed.items():
        rows = [number - 7 for number in data["id"]]
        source = open_source(data)
        assert encoded(source) == [blobs[row] for row in rows], name
        assert source.targets == [LABELS[row] for row in rows], name
        assert encoded(source.subset([1])) == [blobs[rows[1]]]


def test_no_image_is_decoded_for_its_label() -> None:
    junk = [{"bytes": b"junk", "path": None}] * 4
    features = Features({"image": Image(), "label": ClassLabel(names=NAMES)})
    assert (
        open_source(Dataset.from_dict({"image": junk, "label": LABELS}, features=features)).targets == LABELS
    )


def test_images_by_path(image_folder: Path) -> None:
    files = open_source(image_folder)
    paths = [files.name(i) for i in (3, 9)]
    data = Dataset.from_dict({"image": paths, "label": ["b", "a"]}).cast_column("image", Image())
    source = open_source(data)
    assert encoded(source) == [Path(path).read_bytes() for path in paths] and source.targets == [1, 0]
    plain = open_source(Dataset.from_dict({"path": paths, "label": [0, 1]}))
    assert plain.read_in_dali and [plain.name(i) for i in range(2)] == paths


@pytest.mark.parametrize("image", ["Image", "binary"])
def test_parquet(dataset: Dataset, blobs: list[bytes], tmp_path: Path, image: str, caplog: Any) -> None:
    caplog.set_level(logging.INFO, logger="dali_mixup")
    if image == "Image":
        dataset.to_parquet(tmp_path / "d.parquet")
    else:
        table = pyarrow.table({"image": blobs, "label": LABELS})
        parquet.write_table(table, tmp_path / "d.parquet")
    source = open_source(tmp_path / "d.parquet")
    assert encoded(source) == blobs and source.targets == LABELS
    assert source.classes == (tuple(NAMES) if image == "Image" else ("0", "1", "2"))
    assert f"converted to Arrow once, in {datasets.config.HF_DATASETS_CACHE}" in caplog.text
    assert source.name(2) == f"{tmp_path}/d.parquet/2" and source.key(2) == "2"
    several = open_source([tmp_path / "d.parquet"] * 2)
    assert encoded(several) == blobs * 2
    assert encoded(open_source(Table([tmp_path / "d.parquet"], image="image", label="label"))) == blobs


def test_folders_and_files_of_save_to_disk(dataset: Dataset, blobs: list[bytes], tmp_path: Path) -> None:
    dataset.save_to_disk(tmp_path / "saved", num_shards=2)
    assert encoded(open_source(tmp_path / "saved")) == blobs
    assert encoded(open_source(str(tmp_path / "saved" / "*.arrow"))) == blobs
    assert open_source(tmp_path / "saved").fingerprint() == open_source(dataset).fingerprint()


def test_several_splits_and_streams_are_refused_with_the_way_out(dataset: Dataset, tmp_path: Path) -> None:
    splits = DatasetDict({"train": dataset, "test": dataset})
    with pytest.raises(
        TypeError, match=r"a DatasetDict; give one of its splits: data\['train'\] or data\['test'\]"
    ):
        open_source(splits)
    splits.save_to_disk(tmp_path / "saved")
    with pytest.raises(ValueError, match=r"a folder for each split of a DatasetDict; give .*saved/test"):
        open_source(tmp_path / "saved")
    for stream in (dataset.to_iterable_dataset(), dataset.to_iterable_dataset().with_format("torch")):
        with pytest.raises(
            TypeError,
            match=r"a stream without random access; .* streaming=False",
        ):
            open_source(stream)


def test_columns_that_cannot_be_told(dataset: Dataset, blobs: list[bytes]) -> None:
    twice = dataset.add_column("coarse", [0, 0, 1, 1]).cast_column("coarse", ClassLabel(names=["x", "y"]))
    with pytest.raises(ValueError, match=r"several columns could hold the labels: 'label', 'coarse'"):
        open_source(twice)
    assert open_source(Table(twice, label="coarse")).classes == ("x", "y")
    with pytest.raises(ValueError, match=r"to hold the labels; there are 'id' \(whole numbers\)"):
        open_source(dataset.remove_columns("label"))


def test_unlabelled_splits_are_named() -> None:
    features = Features({"image": Image(), "label": ClassLabel(names=NAMES)})
    images = [{"bytes": b"x", "path": None}] * 2
    with pytest.raises(ValueError, match=r"is -1, outside \[0, 3\)"):
        open_source(Dataset.from_dict({"image": images, "label": [-1, -1]}, features=features))


def test_a_transform_is_not_used_and_that_is_said(dataset: Dataset, blobs: list[bytes], caplog: Any) -> None:
    assert encoded(open_source(dataset.with_format("torch"))) == blobs
    assert "transform" not in caplog.text
    assert encoded(open_source(dataset.with_transform(lambda rows: {"image": [0]}))) == blobs
    assert "its transform is not used" in caplog.text


def test_damaged_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.arrow").write_bytes(b"no arrow" * 100)
    with pytest.raises(ValueError, match=r"x\.arrow' cannot be read as Arrow: "):
        open_source(tmp_path / "x.arrow")
