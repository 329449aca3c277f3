"""CSV files and data frames as data: the right columns, or a message that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from pyarrow import parquet

from dali_mixup import train_loader
from dali_mixup.sources import Source, Table, open_source

PATHS = ["a/1.jpg", "b/2.jpg", "a/3.jpg"]
NAMES = ["dog", "cat", "dog"]
COLUMNS = {"path": PATHS, "species": NAMES}
EXPECTED = [("a/1.jpg", "dog"), ("b/2.jpg", "cat"), ("a/3.jpg", "dog")]


def meaning(source: Source, folder: Any) -> list[tuple[str, str]]:
    """(path below the folder, class name) of every sample."""
    classes = source.classes
    return [
        (str(Path(source.name(i)).relative_to(folder)), classes[label])
        for i, label in enumerate(source.targets)
    ]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "path,species\na/1.jpg,dog\nb/2.jpg,cat\na/3.jpg,dog\n",
        "species,path\r\ndog,a/1.jpg\r\ncat,b/2.jpg\r\ndog,a/3.jpg",
        "\ufeffimage;label\na/1.jpg;dog\n\nb/2.jpg;cat\na/3.jpg;dog\n",
        'File Name\tClass\n"a/1.jpg"\tdog\nb/2.jpg\t cat\na/3.jpg\tdog\n',
        "width,img_path,height,Label,note\n1,a/1.jpg,2,dog,\n1,b/2.jpg,2,cat,\n1,a/3.jpg,2,dog,x\n",
        "id,filename,category\n0,a/1.jpg,dog\n1,b/2.jpg,cat\n2,a/3.jpg,dog\n",
        "\n \nimage;label\na/1.jpg;dog\nb/2.jpg;cat\na/3.jpg;dog\n",
        "\ufeffsep=;\r\n\r\nimage;label\r\na/1.jpg;dog\r\nb/2.jpg;cat\r\na/3.jpg;dog\r\n",
        "SEP=#\nimage#label\na/1.jpg#dog\nb/2.jpg#cat\na/3.jpg#dog\n",
    ],
)
def test_a_csv_file_is_relative_to_its_folder(tmp_path: Path, text: str) -> None:
    source = open_source(write(tmp_path / "t.csv", text))
    assert source.classes == ("cat", "dog") and source.classes_named
    assert meaning(source, tmp_path) == EXPECTED
    moved = open_source(tmp_path / "t.csv", root="/images")
    assert moved.name(0) == "/images/a/1.jpg" and [moved.key(i) for i in range(3)] == PATHS


def test_lines_before_the_header_count(tmp_path: Path) -> None:
    text = "sep=;\n\nimage;label\na/1.jpg;dog;1\n"
    with pytest.raises(ValueError, match=r"t\.csv, line 4: expected 2 cells"):
        open_source(write(tmp_path / "t.csv", text))


FRAMES = [pandas.DataFrame, polars.DataFrame, pyarrow.table]


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_is_relative_to_the_working_folder_or_a_root(
    frame: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert meaning(open_source(frame(COLUMNS)), tmp_path) == EXPECTED
    assert meaning(open_source(frame(COLUMNS), root="/images"), "/images") == EXPECTED


def test_frames_of_paths_in_parquet_are_tables(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table(COLUMNS), tmp_path / "t.parquet")
    assert meaning(open_source(tmp_path / "t.parquet"), tmp_path) == EXPECTED
    twice = open_source([tmp_path / "t.parquet"] * 2)
    assert meaning(twice, tmp_path) == EXPECTED * 2


def test_parts_of_frames_keep_their_rows() -> None:
    frame = pandas.DataFrame(COLUMNS)
    assert open_source(frame[frame.species == "dog"], root="/").targets == [0, 0]
    shuffled = open_source(frame.sample(frac=1, random_state=1), root="/")
    assert {(shuffled.key(i), shuffled.classes[t]) for i, t in enumerate(shuffled.targets)} == set(EXPECTED)
    assert open_source(polars.DataFrame(COLUMNS)[1:], root="/").targets == [0, 1]


@pytest.mark.parametrize(
    ("column", "labels", "classes"),
    [
        ([2, 0, 1], [2, 0, 1], ("0", "1", "2")),
        (np.array([2, 0, 1], np.uint8), [2, 0, 1], ("0", "1", "2")),
        ([2.0, 0.0, 1.0], [2, 0, 1], ("0", "1", "2")),
        (["2", "0", "1"], [2, 0, 1], ("0", "1", "2")),
        (["2.0", "1e1", "+0."], [2, 10, 0], tuple(map(str, range(11)))),
        (["b", "None", "n/a"], [1, 0, 2], ("None", "b", "n/a")),
        (["0x1", "3d", "1_0"], [0, 2, 1], ("0x1", "1_0", "3d")),
        ([True, False, True], [1, 0, 1], ("0", "1")),
        (
            pandas.Categorical(["b", "a", "b"], categories=["b", "unused", "a"]),
            [0, 2, 0],
            ("b", "unused", "a"),
        ),
        (pandas.Categorical([3, 1, 3]), [3, 1, 3], ("0", "1", "2", "3")),
    ],
)
def test_labels_are_numbers_or_names(column: Any, labels: list[int], classes: tuple[str, ...]) -> None:
    source = open_source(pandas.DataFrame({"path": PATHS, "label": column}), root="/")
    assert source.targets == labels and source.classes == classes


def test_an_enum_of_polars_has_its_order() -> None:
    column = polars.Series(["low", "high", "low"], dtype=polars.Enum(["low", "mid", "high"]))
    source = open_source(polars.DataFrame({"path": PATHS, "label": column}), root="/")
    assert source.classes == ("low", "mid", "high") and source.targets == [0, 2, 0]


@pytest.mark.parametrize("stored", [False, True])
def test_classes_without_a_declared_order_are_sorted_in_every_part(tmp_path: Path, stored: bool) -> None:
    """polars' categories and Arrow's dictionaries are in the order of the rows, which differs between parts."""
    names = ["dog", "cat", "ant", "cat", "dog", "ant"]
    frame = polars.DataFrame({"path": [f"{i}.png" for i in range(6)], "label": names}).with_columns(
        polars.col("label").cast(polars.Categorical)
    )
    table = pyarrow.table(
        {"path": frame["path"].to_list(), "label": pyarrow.array(names).dictionary_encode()}
    )
    for part in (frame, frame[3:], frame[::-1], table, table.slice(3)):
        given: Any = part
        if stored:
            given = tmp_path / "part.parquet"
            if isinstance(part, polars.DataFrame):
                part.write_parquet(given)
            else:
                parquet.write_table(part, given)
        source = open_source(given, root=tmp_path)
        assert source.classes == ("ant", "cat", "dog")
        assert [source.classes[t] for t in source.targets] == pyarrow.table(part)["label"].to_pylist()


def test_pandas_categories_keep_their_order_in_parquet(tmp_path: Path) -> None:
    column = pandas.Categorical(["b", "a", "b"], categories=["b", "unused", "a"])
    pandas.DataFrame({"path": PATHS, "label": column}).to_parquet(tmp_path / "t.parquet")
    source = open_source(tmp_path / "t.parquet")
    assert source.classes == ("b", "unused", "a") and source.targets == [0, 2, 0]


def test_a_frame_and_its_csv_file_have_the_same_labels(tmp_path: Path) -> None:
    for labels in ([float(i) for i in range(12)], list(range(12)), [f"c{i}" for i in range(12)]):
        frame = pandas.DataFrame({"path": [f"{i}.png" for i in range(12)], "label": labels})
        frame.to_csv(tmp_path / "t.csv", index=False)
        first, second = open_source(frame, root=tmp_path), open_source(tmp_path / "t.csv")
        assert first.targets == second.targets and first.classes == second.classes


def test_stated_classes_and_numbers_that_are_names(tmp_path: Path) -> None:
    frame = pandas.DataFrame(COLUMNS)
    assert open_source(frame, root="/", classes=["horse", "dog", "cat"]).targets == [1, 2, 1]
    with pytest.raises(ValueError, match="not in classes=: 'cat'"):
        open_source(frame, root="/", classes=["dog"])
    for labels in ([10, 2, 10], ["10", "2", "10"]):
        named = open_source(
            pandas.DataFrame({"path": PATHS, "label": labels}), root="/", classes=["1", "10", "2"]
        )
        assert named.targets == [1, 2, 1]
    numbered = open_source(
        pandas.DataFrame({"path": PATHS, "label": [1, 0, 1]}), root="/", classes=["x", "y"]
    )
    assert numbered.targets == [1, 0, 1] and numbered.classes == ("x", "y")


def test_what_is_taken_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="dali_mixup")
    open_source(write(tmp_path / "t.csv", "id,path,species\n7,a.jpg,cat\n"))
    (record,) = caplog.records
    assert (
        record.getMessage()
        == f"{tmp_path}/t.csv: images from the column 'path', labels from the column 'species'"
    )


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            ["path", "filename", "label"],
            r"several columns could hold the images: 'path', 'filename'\. Give Table.*image=",
        ),
        (
            ["path", "label", "class"],
            r"several columns could hold the labels: 'label', 'class'\. Give Table.*label=",
        ),
        (
            ["picture", "label"],
            r"no column is certain to hold the images; there are 'picture' .text., 'label' .text.",
        ),
        (["path", "points"], r"no column is certain to hold the labels; there are 'points' .text."),
    ],
)
def test_columns_that_cannot_be_told_are_named_with_the_way_out(
    tmp_path: Path, columns: list[str], message: str
) -> None:
    rows = f"{','.join(columns)}\n" + ",".join(["a.jpg"] * len(columns)) + "\n"
    with pytest.raises(ValueError, match=rf"t\.csv: {message}"):
        open_source(write(tmp_path / "t.csv", rows))
    with pytest.raises(ValueError, match="Table"):
        open_source(pandas.DataFrame({name: ["a.jpg"] for name in columns}))


def test_a_table_names_its_columns(tmp_path: Path) -> None:
    text = "x,y2,path,label\na/1.jpg,dog,n,1\nb/2.jpg,cat,n,2\na/3.jpg,dog,n,3\n"
    file = write(tmp_path / "t.csv", text)
    source = open_source(Table(file, image="x", label="y2"))
    assert meaning(source, tmp_path) == EXPECTED
    with pytest.raises(
        ValueError, match=r"has no column 'z' for image=; its columns: 'x', 'y2', 'path', 'label'"
    ):
        open_source(Table(file, image="z"))
    with pytest.raises(ValueError, match="has no column 'X' for label="):
        open_source(Table(file, label="X"))
    with pytest.raises(TypeError, match="Table: image must be text, got 3"):
        Table(file, image=3)
    with pytest.raises(
        TypeError, match="expected a file or files, a data frame or a Hugging Face Dataset, got int"
    ):
        open_source(Table(3))


def test_kaggles_names_without_a_suffix(tmp_path: Path) -> None:
    file = write(tmp_path / "labels.csv", "id,breed\n000bec18,boxer\n001513df,dingo\n")
    with pytest.raises(
        ValueError, match=r"'id' holds names without a suffix, such as '000bec18'; .*suffix='\.jpg'"
    ):
        open_source(file, root=tmp_path / "train")
    source = open_source(Table(file, suffix=".jpg"), root=tmp_path / "train")
    assert source.name(1) == f"{tmp_path}/train/001513df.jpg"
    assert open_source(Table(file, suffix="")).name(0) == f"{tmp_path}/000bec18"
    numbers = pandas.DataFrame({"id": [7, 12], "label": [0, 1]})
    assert open_source(Table(numbers, image="id", suffix=".png"), root="/d").name(1) == "/d/12.png"


def test_a_list_with_a_header_is_a_table(tmp_path: Path) -> None:
    for name in ("t.tsv", "t.txt"):
        file = write(tmp_path / name, "path\tspecies\na/1.jpg\tdog\nb/2.jpg\tcat\na/3.jpg\tdog\n")
        assert meaning(open_source(Table(file)), tmp_path) == EXPECTED


def test_images_in_a_frame(image_folder: Path) -> None:
    files = open_source(image_folder)
    encoded = [files.encoded(i) for i in range(len(files))]
    columns = {"image": encoded, "label": files.targets[:]}
    structs = {
        "image": [{"bytes": content, "path": "x.jpg"} for content in encoded],
        "label": files.targets[:],
    }
    for frame in FRAMES:
        for held in (columns, structs):
            source = open_source(frame(held))
            assert [
                source.encoded(i) for i in range(len(source))
            ] == encoded and source.targets == files.targets
    with pytest.raises(TypeError, match="'image' holds the images themselves, which need no root="):
        open_source(polars.DataFrame(columns), root="/")
    missing = open_source(polars.DataFrame({"image": [encoded[0], None], "label": [0, 1]}))
    with pytest.raises(ValueError, match=r"the_DataFrame/1: expected an image .*got NoneType"):
        missing.encoded(1)


def test_the_loaders_take_tables(image_folder: Path) -> None:
    files = open_source(image_folder)
    frame = pandas.DataFrame({"path": [files.name(i) for i in range(len(files))], "label": files.targets[:]})
    for data in (frame, Table(frame, image="path"), polars.from_pandas(frame)):
        loader = train_loader(data, batch_size=8, image_size=16, device="cpu")
        images, _ = next(iter(loader))
        assert len(images) == 8
        loader.close()
