"""LMDB databases are read as the lmdb package and DALI read them, without either, and never with their faults."""

from __future__ import annotations

import io
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import lmdb
import numpy as np
import pytest
from nvidia.dali import fn, pipeline_def
from PIL import Image

from dali_mixup import Output, TrainTransform, train_loader
from dali_mixup.sources import LMDB, open_source
from tests.archives import write_lmdb
from tests.odd_images import picture
from tests.protos import datum
from tests.tars import contents

JPEG = b"\xff\xd8\xff"


def by_lmdb(path: Path) -> dict[bytes, bytes]:
    with lmdb.open(str(path), readonly=True, lock=False) as database, database.begin() as transaction:
        return {bytes(key): bytes(value) for key, value in transaction.cursor()}


@pytest.mark.parametrize("count", [1, 50, 3000])
def test_all_entries_are_found_after_many_changes(tmp_path: Path, count: int) -> None:
    """Values of all sizes, in leaves and in pages of their own, at several depths, with pages that are free again."""
    draw = np.random.default_rng(count)
    names = [b"%08d_n%d.JPEG" % (draw.integers(10**8), number) for number in range(count)]
    path = write_lmdb(
        tmp_path / "t", {name: datum(JPEG + draw.bytes(int(draw.integers(9000))), 3) for name in names}
    )
    with lmdb.open(str(path), map_size=1 << 28) as database:
        for share in (5, 3):
            with database.begin(write=True) as transaction:
                for name in sorted(names)[1::share]:
                    transaction.delete(name)
            with database.begin(write=True) as transaction:
                transaction.put(b"%d" % share, datum(JPEG, 1))
    source, expected = LMDB(path), by_lmdb(path)
    assert len(source) == len(expected)
    for index, (key, value) in enumerate(expected.items()):
        assert source.key(index) == f"data.mdb/{key.decode()}"
        place, start, size = source.places(np.array([index]))[0]
        assert value[value.index(JPEG) :].startswith(source.encoded(index)) and size == len(
            source.encoded(index)
        )
        assert place == bytes(path / "data.mdb") and start > 0


def test_dali_reads_the_same(tmp_path: Path) -> None:
    entries = {b"%04d" % at: datum(JPEG + b"image %d" % at * (200 * at + 1), at % 4) for at in range(9)}
    path = write_lmdb(tmp_path / "t", entries)

    @pipeline_def(batch_size=9, num_threads=1, device_id=None)
    def pipeline():  # type: ignore[no-untyped-def]
        return tuple(fn.readers.caffe(path=str(path)))

    images, labels = pipeline().run()
    source = open_source(path)
    assert [bytes(np.array(image)) for image in images] == contents(source)
    assert [int(np.array(label)[0]) for label in labels] == list(source.targets)


@pytest.mark.parametrize(("mode", "order"), [("RGB", "BGR"), ("RGB", "RGB"), ("L", None)])
def test_pixels_without_encoding_keep_their_values(tmp_path: Path, mode: str, order: str | None) -> None:
    images = [picture(24, 24 + at, seed=at).convert(mode) for at in range(3)]
    entries = {}
    for at, image in enumerate(images):
        planes = np.atleast_3d(np.asarray(image)).transpose(2, 0, 1)
        stored = (planes[::-1] if order == "BGR" else planes).tobytes()
        shape = {"channels": len(planes), "height": image.height, "width": image.width}
        entries[b"%d" % at] = datum(stored, at, **shape)
    source = LMDB(write_lmdb(tmp_path / "t", entries), order=order)
    for at, image in enumerate(images):
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(source.encoded(at)))), np.asarray(image))
    one = train_loader(
        source.subset([0]),
        batch_size=1,
        transform=TrainTransform(24, scale=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0.0),
        output=Output(mean=0.0, std=1.0),
        device="cpu",
    )
    with one:
        pixels, _ = next(iter(one))
    expected = np.asarray(images[0].convert("RGB"), np.float32)
    assert np.array_equal(pixels[0].numpy().transpose(1, 2, 0), expected), "and through DALI's decoder"


def test_the_order_of_three_channels_must_be_given(tmp_path: Path) -> None:
    path = write_lmdb(tmp_path / "t", {b"0": datum(bytes(12), 0, channels=3, height=2, width=2)})
    with pytest.raises(ValueError, match=r"key '0' of .*data\.mdb' is a Datum of pixels .* order='BGR'"):
        open_source(path)
    with pytest.raises(ValueError, match="order='GBR', expected one of 'BGR', 'RGB'"):
        LMDB(path, order="GBR")


def test_one_database_per_class_as_in_lsun(tmp_path: Path) -> None:
    """torchvision's LSUN: the values are the images, and the place of a database in the list is the label."""
    paths = {}
    for name in ("kitchen", "bridge"):
        entries = {f"{name}-{at}".encode(): JPEG + name.encode() * (at + 1) for at in range(3)}
        paths[name] = write_lmdb(tmp_path / f"{name}_train_lmdb", entries)
    source = LMDB(paths)
    assert source.classes == ("kitchen", "bridge") and list(source.targets) == [0, 0, 0, 1, 1, 1]
    assert contents(source) == [value for path in paths.values() for value in by_lmdb(path).values()]
    assert source.key(4) == "bridge_train_lmdb/data.mdb/bridge-1"
    with pytest.raises(ValueError, match=r"'kitchen-0' of .* has no label\. .*LMDB\(\{class: path\}\)"):
        open_source(paths["kitchen"])
    with pytest.raises(TypeError, match="give neither classes nor labels"):
        LMDB(paths, classes=["a", "b"])


def test_labels_by_key(tmp_path: Path) -> None:
    entries = {b"num-samples": b"2", b"a/1 %.jpg": JPEG + b"A", b"\x00\x01": JPEG + b"B", b"c": JPEG + b"C"}
    path = write_lmdb(tmp_path / "t.lmdb", entries, subdir=False)
    labels = {"a/1 %.jpg": 2, "\x00\x01": 0}
    source = LMDB(path, labels=labels)
    assert {source.key(at): label for at, label in enumerate(source.targets)} == {
        "t.lmdb/%00%01": 0,
        "t.lmdb/a/1 %25.jpg": 2,
    }
    assert contents(source) == [JPEG + b"B", JPEG + b"A"]
    same = LMDB(path, labels={key.encode(): label for key, label in labels.items()})
    assert same.fingerprint() == source.fingerprint()
    assert "keys that labels= does not have are left out: 2" in source.remarks[0].text
    with pytest.raises(TypeError, match="labels is a list, expected a mapping"):
        LMDB(path, labels=[0, 1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="labels= is an empty mapping"):
        LMDB(path, labels={})


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ({"1": True, "2": 0}, TypeError, "the label of '1' must be a whole number, got True"),
        ({"1": 0, "2": np.bool_(True)}, TypeError, "the label of '2' must be a whole number, got .*True"),
        ({"1": 0, b"2": 1.0}, TypeError, r"the label of b'2' must be a whole number, got 1\.0"),
        ({"1": 0, "2": "1"}, TypeError, "the label of '2' must be a whole number, got '1'"),
        ({"1": 0, "2": -1}, ValueError, r"the label of '2' must be in \[0, 10000000\), got -1"),
        ({"1": 0, "2": 2**64 - 1}, ValueError, r"the label of '2' must be in .*, got 18446744073709551615"),
        ({"1": 0, b"1": 1, "2": 1}, ValueError, "has the key b'1' twice, as text and as bytes"),
        ({b"1": 0, "1": 0, "2": 1}, ValueError, "has the key '1' twice, as text and as bytes"),
        ({1: 0, 2: 1}, TypeError, "a key must be str or bytes, as in the database, got 1"),
        ({("1",): 0}, TypeError, r"a key must be str or bytes, as in the database, got \('1',\)"),
    ],
)
def test_labels_by_key_that_are_none_are_refused(
    tmp_path: Path, labels: dict, error: type[Exception], message: str
) -> None:
    path = write_lmdb(tmp_path / "t", {b"1": JPEG, b"2": JPEG}, room=1 << 20)
    with pytest.raises(error, match=f"LMDB: labels[:=] ?{message}"):
        LMDB(path, labels=labels)
    assert list(LMDB(path, labels={"1": np.uint8(1), np.bytes_(b"2"): np.int64(0)}).targets) == [1, 0]


@pytest.mark.parametrize("stale", ["gone", b"gone"])
def test_labels_of_keys_that_are_not_there_are_refused(tmp_path: Path, stale: str | bytes) -> None:
    paths = [write_lmdb(tmp_path / key, {key.encode(): JPEG}) for key in ("first", "other")]
    found = LMDB(paths, labels={"first": 0, "other": 1})
    assert list(found.targets) == [0, 1], "a key may be in any of the databases"
    with pytest.raises(
        ValueError, match=r"1 of the 2 keys of labels= are not in .*, such as 'gone'\. Keys are like"
    ):
        LMDB(paths, labels={b"first" if isinstance(stale, bytes) else "first": 0, stale: 1})
    with pytest.raises(ValueError, match=r"such as 'other'\. Keys are like 'first'\."):
        LMDB(paths[0], labels={"other": 0})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (pickle.dumps((JPEG, 3)), r"holds a Python pickle, and reading one can run any code\. .*tar shards"),
        (b"12345", r"holds no image: its 5 bytes at offset \d+ begin with b'12345'"),
        (b"", r"holds no image: its 0 bytes"),
        (datum(JPEG, None), "has no label"),
        (
            datum(bytes(11), 0, channels=3, height=2, width=2),
            ".*11 bytes of pixels .* for 3 channels of 2 x 2",
        ),
        (datum(bytes(8), 0, channels=2, height=2, width=2), ".*expected 1 or 3 channels"),
        (datum(b"", 0, channels=1, height=2**31 - 1, width=2**31 - 1), ".*0 bytes of pixels"),
    ],
)
def test_values_that_are_no_labelled_image_are_named(tmp_path: Path, value: bytes, message: str) -> None:
    path = write_lmdb(tmp_path / "t", {b"a": datum(JPEG, 0), b"the/key": value})
    with pytest.raises(ValueError, match=rf"the key 'the/key' of .*data\.mdb' {message}"):
        LMDB(path)


def test_databases_of_another_form_are_refused(tmp_path: Path) -> None:
    for name, options in (("named", {}), ("several", {"dupsort": True})):
        with lmdb.open(str(tmp_path / name), max_dbs=2) as database:
            inner = database.open_db(b"inner", **options)
            with database.begin(write=True) as transaction:
                transaction.put(b"a", JPEG, db=inner)
        with pytest.raises(ValueError, match=r"holds a database named b'inner'"):
            LMDB(tmp_path / name)
    path = write_lmdb(tmp_path / "main", {b"a": JPEG}) / "data.mdb"
    content = bytearray(path.read_bytes())
    for page in (0, 4096):
        content[page + 92] |= 4  # MDB_DUPSORT, which only liblmdb itself can set for the main database
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="holds several values per key"):
        LMDB(tmp_path / "main")
    with lmdb.open(str(tmp_path / "empty")):
        pass
    with pytest.raises(ValueError, match="no images"):
        LMDB(tmp_path / "empty")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileNotFoundError, match=r"is not an LMDB database: it holds no data\.mdb"):
        LMDB(tmp_path / "folder")


def test_a_file_that_is_cut_short_is_named_where_lmdb_dies(tmp_path: Path) -> None:
    path = write_lmdb(tmp_path / "t", {b"%04d" % at: datum(JPEG * 2000, at % 3) for at in range(40)})
    whole = (path / "data.mdb").read_bytes()
    for size in range(0, len(whole), 1999):
        (path / "data.mdb").write_bytes(whole[:size])
        try:
            source = LMDB(path)
        except ValueError as error:
            said = "cannot be read as an LMDB database: " if size else "is empty (0 bytes)"
            assert f"data.mdb' {said}" in str(error)
        else:
            assert len(source) == 40 and all(image == JPEG * 2000 for image in contents(source)), (
                "only unused bytes"
            )
    (path / "data.mdb").write_bytes(whole[: len(whole) // 2])
    code = (
        "import lmdb, sys; [v for _, v in lmdb.open(sys.argv[1], lock=False, readonly=True).begin().cursor()]"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False)
    assert done.returncode < 0, "the reason for pages of our own: it was killed by a signal"


def test_the_index_is_kept_beside_the_data(tmp_path: Path) -> None:
    path = write_lmdb(tmp_path / "t", {b"a": datum(JPEG, 0)})
    LMDB(path)
    kept = path / "data.mdb.index.npz"
    before = kept.stat().st_mtime_ns
    LMDB(path)
    assert kept.stat().st_mtime_ns == before
    shutil.rmtree(path)
    write_lmdb(path, {b"a": datum(JPEG + b"new", 1), b"b": datum(JPEG, 0)})
    assert list(LMDB(path).targets) == [1, 0]
