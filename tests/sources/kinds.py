"""Every kind of data that `open_source` takes, made of the same pictures: one entry per kind in `KINDS`.

`test_every_source.py` runs over all of them, and the table in docs/data.md must agree with them.
"""

from __future__ import annotations

import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dali_mixup.pack import Options, Packing
from dali_mixup.sources import Source, open_source, write_manifest
from tests.archives import imagenet_example, write_lmdb, write_rec, write_tfrecord
from tests.odd_images import picture
from tests.protos import datum
from tests.sources.item_datasets import Items, Labelled
from tests.sources.moving import itself, moved_frame, moved_packed, moved_pairs, moved_subset, moved_zip
from tests.tars import write_tar

CLASSES = ("ant", "bee", "cat")


@dataclass(frozen=True)
class Picture:
    """One sample.

    Attributes:
        key: class folder and file name.
        encoded: the JPEG, or junk.
        label: index in `CLASSES`.
    """

    key: str
    encoded: bytes
    label: int


def pictures(junk: Sequence[int] = ()) -> list[Picture]:
    """14 pictures of different sizes, sorted by class and name; those at the positions in `junk` are no images."""
    made = []
    for number in range(14):
        label = number * len(CLASSES) // 14
        buffer = io.BytesIO()
        picture(40 + number, 60 - 2 * number, seed=number).save(buffer, "JPEG", quality=90)
        encoded = b"this is no image at all.." if number in junk else buffer.getvalue()
        made.append(Picture(f"{CLASSES[label]}/{number:02}.jpg", encoded, label))
    return made


@dataclass(frozen=True)
class Kind:
    """One kind of data.

    Attributes:
        row: the text in the first column of the table in docs/data.md.
        made: writes the pictures below an empty folder and returns the data, of the same order, for `open_source`.
        labels_known: whether labels are read without reading an image.
        skips: whether data with a bad sample can be opened.
        named: whether the data name their classes.
        moved: the data after the folder was copied to an object store, given them and a function from a path to its
            URL. None: they cannot be read from there.
    """

    row: str
    made: Callable[[list[Picture], Path], Any]
    labels_known: bool = True
    skips: bool = True
    named: bool = False
    moved: Callable[[Any, Callable[[Any], str]], Any] | None = None

    @property
    def name(self) -> str:
        """The row as the name of a test."""
        return re.sub(r"\W+", "-", self.row).strip("-")


def files(made: list[Picture], place: Path) -> list[tuple[str, int]]:
    """The pictures as files in class folders below `place`/files; (path, label) pairs."""
    pairs = []
    for one in made:
        path = place / "files" / one.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.encoded)
        pairs.append((str(path), one.label))
    return pairs


def folder(made: list[Picture], place: Path) -> Path:
    files(made, place)
    return place / "files"


def manifest(made: list[Picture], place: Path) -> Path:
    write_manifest(place / "manifest.jsonl", open_source(folder(made, place)))
    return place / "manifest.jsonl"


def text_list(made: list[Picture], place: Path) -> Path:
    files(made, place)
    (place / "list.txt").write_text("".join(f"files/{one.key} {one.label}\n" for one in made))
    return place / "list.txt"


def shards(made: list[Picture], place: Path) -> str:
    for number, part in enumerate((made[:8], made[8:])):
        members = [
            (f"{one.key.removesuffix('.jpg')}.{ending}", content)
            for one in part
            for ending, content in (("jpg", one.encoded), ("cls", b"%d" % one.label))
        ]
        write_tar(place / f"shard-{number}.tar", members)
    return str(place / "shard-{0..1}.tar")


def tfrecords(made: list[Picture], place: Path) -> str:
    for number, part in enumerate((made[:8], made[8:])):
        records = [imagenet_example(one.encoded, one.label) for one in part]
        write_tfrecord(place / f"train-{number:05}-of-00002", records)
    return str(place / "train-*-of-00002")


def recordio(made: list[Picture], place: Path) -> Path:
    return write_rec(place / "train.rec", [(one.label, one.encoded) for one in made])


def caffe_lmdb(made: list[Picture], place: Path) -> Path:
    entries = {one.key.encode(): datum(one.encoded, one.label) for one in made}
    return write_lmdb(place / "train_lmdb", entries)


def zip_of_folders(made: list[Picture], place: Path) -> Path:
    with zipfile.ZipFile(place / "train.zip", "w") as archive:
        for number, one in enumerate(made):
            method = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            archive.writestr(one.key, one.encoded, method)
    return place / "train.zip"


def zip_with_list(made: list[Picture], place: Path) -> Path:
    (place / "train_map.txt").write_text("".join(f"{one.key}\t{one.label}\n" for one in made))
    return zip_of_folders(made, place)


def packed(made: list[Picture], place: Path) -> Source:
    """Packed shards, read in the order of the pictures. Junk is not packed: it replaces an image afterwards."""
    files([*pictures()], place)
    Packing(open_source(place / "files"), place / "packed", Options(per_shard=5), workers=1).run()
    source = open_source(place / "packed")
    rows = sorted(range(len(source)), key=source.key)
    for one, (path, start, size) in zip(made, source.places(np.array(rows)), strict=True):
        with open(path, "r+b") as shard:
            shard.seek(start)
            shard.write(one.encoded.ljust(size, b"\0"))
    return open_source(place / "packed").subset(rows)


def image_folder_object(made: list[Picture], place: Path) -> Any:
    from torchvision.datasets import ImageFolder

    return ImageFolder(str(folder(made, place)))


def subset(made: list[Picture], place: Path) -> Any:
    from torch.utils.data import Subset

    whole = image_folder_object([*made, Picture("ant/zz.jpg", made[0].encoded, 0)], place)
    return Subset(whole, [at for at, (path, _) in enumerate(whole.samples) if not path.endswith("zz.jpg")])


def concatenation(made: list[Picture], place: Path) -> Any:
    from torch.utils.data import ConcatDataset, Subset

    whole = image_folder_object(made, place)
    return ConcatDataset([Subset(whole, range(5)), Subset(whole, range(5, len(made)))])


def annotations(made: list[Picture], place: Path) -> Path:
    files(made, place)
    entries = [{"img_path": f"files/{one.key}", "gt_label": one.label} for one in made]
    found = {"metainfo": {"classes": CLASSES}, "data_list": entries}
    (place / "train.json").write_text(json.dumps(found))
    return place / "train.json"


def pixels(encoded: bytes) -> Image.Image:
    return Image.open(io.BytesIO(encoded)).convert("RGB")


def dataset(kind: type[Items], read: Callable[[bytes], Any]) -> Callable[[list[Picture], Path], Any]:
    return lambda made, _: kind([(one.encoded, one.label) for one in made], read)


def rows(made: list[Picture], place: Path) -> list[dict[str, Any]]:
    return [{"path": path, "species": CLASSES[label]} for path, label in files(made, place)]


def csv_file(made: list[Picture], place: Path) -> Path:
    files(made, place)
    lines = ["path,species", *(f"files/{one.key},{CLASSES[one.label]}" for one in made)]
    (place / "train.csv").write_text("\n".join(lines))
    return place / "train.csv"


def pandas_frame(made: list[Picture], place: Path) -> Any:
    import pandas

    return pandas.DataFrame(rows(made, place))


def polars_frame(made: list[Picture], place: Path) -> Any:
    import polars

    return polars.DataFrame([{"image": one.encoded, "label": CLASSES[one.label]} for one in made])


def hugging_face(made: list[Picture], place: Path) -> Any:
    import datasets

    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(CLASSES))}
    )
    images = [{"bytes": one.encoded, "path": None} for one in made]
    labels = [one.label for one in made]
    return datasets.Dataset.from_dict({"image": images, "label": labels}, features=features)


def parquet_files(made: list[Picture], place: Path) -> str:
    for number, part in enumerate((made[:8], made[8:])):
        hugging_face(part, place).to_parquet(place / f"train-{number:05}-of-00002.parquet")
    return str(place / "train-*.parquet")


def arrow_file(made: list[Picture], place: Path) -> Path:
    hugging_face(made, place).save_to_disk(place / "saved")
    return next((place / "saved").glob("*.arrow"))


def of_the_documentation(made: list[Picture], place: Path) -> Any:
    """The source that docs/extending.md shows."""
    page = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
    block = page[page.index("import sqlite3") :].partition("\n\n\nwith ")[0]
    names: dict[str, Any] = {"np": np}
    exec(block, names)
    with closing(sqlite3.connect(place / "images.sqlite", isolation_level=None)) as file:
        file.execute("CREATE TABLE images (key, class, content)")
        rows = [(one.key, CLASSES[one.label], one.encoded) for one in made]
        file.executemany("INSERT INTO images VALUES (?, ?, ?)", rows)
    return names["SqliteImages"](str(place / "images.sqlite"))


KINDS = (
    Kind("folder of class folders", folder, named=True, moved=itself),
    Kind("manifest", manifest, named=True, moved=itself),
    Kind("text list", text_list, moved=itself),
    Kind("OpenMMLab annotation file", annotations, named=True),
    Kind("(path, label) pairs", files, moved=moved_pairs),
    Kind("CSV with a header", csv_file, named=True, moved=itself),
    Kind("pandas, polars or other frame of paths", pandas_frame, named=True, moved=moved_frame),
    Kind("frame of encoded images", polars_frame, named=True),
    Kind("tar shards", shards, moved=itself),
    Kind("folder written by `dali-mixup pack`", packed, moved=moved_packed, named=True),
    Kind("TFRecord files", tfrecords, moved=itself),
    Kind("MXNet RecordIO files", recordio, moved=itself),
    Kind("LMDB of Caffe's `Datum`", caffe_lmdb, moved=lambda data, url: url(data / "data.mdb")),
    Kind("zip of class folders", zip_of_folders, named=True, moved=itself),
    Kind("zip with a list of labels", zip_with_list, moved=moved_zip),
    Kind("torchvision `ImageFolder`, `DatasetFolder`", image_folder_object, named=True),
    Kind("Hugging Face `Dataset`", hugging_face, named=True),
    Kind("Parquet with encoded images", parquet_files, named=True),
    Kind("Arrow files of Hugging Face", arrow_file, named=True),
    Kind("`Dataset` with `targets` or `labels`", dataset(Labelled, pixels)),
    Kind(
        "any other map-style `Dataset`",
        dataset(Items, lambda encoded: np.asarray(pixels(encoded))),
        labels_known=False,
        skips=False,
    ),
    Kind("a `Source` of your own", of_the_documentation, named=True),
    Kind("`Subset` of any of these", subset, named=True, moved=moved_subset),
    Kind("`ConcatDataset` of any of these", concatenation, named=True),
)
