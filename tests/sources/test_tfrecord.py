"""TFRecord files are read as TensorFlow and DALI read them, and what cannot be read is named with its offset."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from nvidia.dali import fn, pipeline_def, tfrecord

from dali_mixup.sources import TFRecords, open_source
from dali_mixup.sources.archives import tfrecord as module
from tests.archives import imagenet_example, masked_crc, write_tfrecord
from tests.protos import example
from tests.tars import contents

DATA = Path(__file__).parent / "data"
EXPECTED = json.loads((DATA / "tfrecords.json").read_text())
IMAGES = [b"\xff\xd8 image %d" % number * (number + 1) for number in range(5)]


@pytest.fixture
def written_by_tensorflow(tmp_path: Path) -> str:
    """The two files of tests/sources/data, where an index may lie beside them."""
    for name in EXPECTED:
        shutil.copy(DATA / name, tmp_path / name)
    return str(tmp_path / "train-*-of-00002")


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    return write_tfrecord(
        tmp_path / "t.tfrecord", [imagenet_example(image, at) for at, image in enumerate(IMAGES)]
    )


def test_what_tensorflow_wrote_is_what_tensorflow_reads(written_by_tensorflow: str) -> None:
    source = TFRecords(written_by_tensorflow, first_label=1)
    records = [record for name in sorted(EXPECTED) for record in EXPECTED[name]]
    assert [hashlib.sha256(image).hexdigest() for image in contents(source)] == [r["sha256"] for r in records]
    assert [label + 1 for label in source.targets] == [record["label"] for record in records]
    assert source.key(5) == "train-00001-of-00002/1"
    for path, start, size in source.places(np.arange(len(source))):
        assert Path(path.decode()).read_bytes()[start : start + size].startswith(b"\xff\xd8\xff")


def test_dali_reads_the_same(shard: Path, tmp_path: Path) -> None:
    index = tmp_path / "t.idx"
    command = [sys.executable, "-m", "tfrecord2idx"]
    script = Path(sys.executable).parent / "tfrecord2idx"
    command = [str(script)] if script.exists() else command
    subprocess.run([*command, str(shard), str(index)], check=True, capture_output=True)

    @pipeline_def(batch_size=len(IMAGES), num_threads=1, device_id=None)
    def pipeline():  # type: ignore[no-untyped-def]
        features = {
            "image/encoded": tfrecord.FixedLenFeature((), tfrecord.string, ""),
            "image/class/label": tfrecord.FixedLenFeature([1], tfrecord.int64, -1),
        }
        found = fn.readers.tfrecord(path=[str(shard)], index_path=[str(index)], features=features)
        return found["image/encoded"], found["image/class/label"]

    images, labels = pipeline().run()
    source = TFRecords(shard)
    assert [bytes(np.array(image)) for image in images] == contents(source) == IMAGES
    assert [int(np.array(label)[0]) for label in labels] == list(source.targets)


def test_labels_that_do_not_begin_with_0_must_be_explained(written_by_tensorflow: str, shard: Path) -> None:
    with pytest.raises(ValueError, match=r"labels are 1 to 5, and none is 0: .* first_label=1"):
        open_source(written_by_tensorflow)
    assert TFRecords(written_by_tensorflow, first_label=0).targets[0] == 1
    assert TFRecords(written_by_tensorflow, first_label=1).num_classes == 5
    with pytest.raises(ValueError, match=r"labels are 0 to 4, expected none below first_label=1"):
        TFRecords(shard, first_label=1)
    for wrong in (-1, 1.0, True):
        with pytest.raises((TypeError, ValueError), match="first_label"):
            TFRecords(shard, first_label=wrong)


def test_the_features_have_the_names_that_are_given(tmp_path: Path) -> None:
    records = [
        example({"label": [at], "file_name": [b"x"], "image": [image]}) for at, image in enumerate(IMAGES)
    ]
    path = write_tfrecord(tmp_path / "tfds.tfrecord-00000-of-00001", records)
    assert contents(TFRecords(path, image="image", label="label")) == IMAGES
    with pytest.raises(
        ValueError, match=r"no feature 'image/encoded', but 'file_name', 'image', 'label'\. .*image="
    ):
        open_source(path)
    index = Path(f"{path}.index.npz").stat().st_mtime_ns
    TFRecords(path, image="image", label="label")
    assert Path(f"{path}.index.npz").stat().st_mtime_ns == index, "the index of these features was kept"


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"image/encoded": [b"a", b"b"], "image/class/label": [0]}, "'image/encoded' has 2 values"),
        (
            {"image/encoded": [b"a"], "image/class/label": [0, 1]},
            r"2 values, expected one label .*labels=\.\.\.",
        ),
        ({"image/encoded": [b"a"], "image/class/label": [0.0]}, "holds floats, expected int64"),
        ({"image/encoded": [7], "image/class/label": [0]}, "holds int64, expected bytes"),
        ({"image/encoded": [b"a"]}, "no feature 'image/class/label'"),
        ({"image/encoded": [b"a"], "image/class/label": [-1]}, "is -1"),
        ({"image/encoded": [b"a"], "image/class/label": [10**12]}, "1000000000000"),
    ],
)
def test_records_of_another_form_are_named(tmp_path: Path, features: dict[str, list], message: str) -> None:
    good = imagenet_example(b"a", 0)
    path = write_tfrecord(tmp_path / "t.tfrecord", [good, example(features)])
    with pytest.raises(ValueError, match=message) as caught:
        TFRecords(path)
    told = str(caught.value)
    assert "t.tfrecord" in told and (f"offset {len(good) + 16}" in told or "t.tfrecord/1" in told)


@pytest.mark.parametrize("record", [b"", example({}), b"\x0a\x00", b"\x12\x03abc"])
def test_a_record_without_features_is_named_as_such(tmp_path: Path, record: bytes) -> None:
    good = imagenet_example(b"a", 0)
    path = write_tfrecord(tmp_path / "t.tfrecord", [good, record])
    with pytest.raises(
        ValueError,
        match=rf"offset {len(good) + 16} it has no features: the record is empty, or is not a tf\.train\.",
    ):
        TFRecords(path)


def test_numbers_may_be_packed_or_not(tmp_path: Path) -> None:
    """protobuf packs them since version 3; older writers did not."""
    entry = b"\x0a\x11image/class/label"
    packed, single = b"\x1a\x04\x0a\x02\x83\x01", b"\x1a\x03\x08\x83\x01"
    records = []
    for numbers in (packed, single):
        value = entry + b"\x12" + bytes([len(numbers)]) + numbers
        image = b"\x0a\x0dimage/encoded\x12\x05\x0a\x03\x0a\x01A"
        entries = b"".join(b"\x0a" + bytes([len(part)]) + part for part in (image, value))
        records.append(b"\x0a" + bytes([len(entries)]) + entries)
    source = TFRecords(write_tfrecord(tmp_path / "t.tfrecord", records), first_label=130)
    assert list(source.targets) == [1, 1] and contents(source) == [b"A", b"A"]


def test_files_that_are_cut_short_or_damaged_are_named(shard: Path) -> None:
    whole = shard.read_bytes()
    for size in range(1, len(whole)):
        shard.write_bytes(whole[:size])
        try:
            source = TFRecords(shard)
        except ValueError as error:
            assert "t.tfrecord' cannot be read as a TFRecord file: " in str(error) and "offset" in str(error)
        else:
            assert 0 < len(source) < len(IMAGES), "cut between two records"
    shard.write_bytes(whole[:3] + b"\x01" + whole[4:])
    with pytest.raises(ValueError, match=r"checksum of the length of the record at offset 0 does not match"):
        TFRecords(shard)
    shard.write_bytes(gzip.compress(whole))
    with pytest.raises(ValueError, match=r"compressed with gzip; unpack it"):
        TFRecords(shard)
    huge = struct.pack("<Q", 1 << 60)
    shard.write_bytes(huge + masked_crc(huge) + b"rest of it....")
    with pytest.raises(ValueError, match=r"at offset 0 claims 1152921504606846976 bytes, but the file ends"):
        TFRecords(shard)


def test_damaged_contents_are_found_on_request(shard: Path) -> None:
    assert contents(TFRecords(shard, verify=True)) == IMAGES
    whole = bytearray(shard.read_bytes())
    at = whole.index(b"image 3")
    whole[at] ^= 1
    shard.write_bytes(bytes(whole))
    assert len(TFRecords(shard)) == len(IMAGES), "lengths and features are in order"
    third = sum(len(imagenet_example(image, at)) + 16 for at, image in enumerate(IMAGES[:3]))
    with pytest.raises(ValueError, match=rf"checksum of the record at offset {third} does not match"):
        TFRecords(shard, verify=True)


def test_the_package_for_checksums_is_named(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google_crc32c", None)
    assert len(TFRecords(shard)) == len(IMAGES)
    with pytest.raises(ImportError, match=r"dali-mixup\[tfrecord\]"):
        TFRecords(shard, verify=True)


def test_missing_shards_are_remarked_upon(tmp_path: Path) -> None:
    for number in (0, 2):
        write_tfrecord(tmp_path / f"val-{number:05}-of-00004", [imagenet_example(b"x", 0)])
    source = open_source(str(tmp_path / "val-*-of-00004"))
    (remark,) = source.remarks
    assert "2 of the 4 shards of 'val' are here; the first that is missing is 1" in remark.text


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("a.tfrecord", True),
        ("A.TFRecords", True),
        ("a.tfrec", True),
        ("train-00000-of-01024", True),
        ("imagenet2012-train.tfrecord-00000-of-01024", True),
        ("train-0-of-5", False),
        ("tfrecord", False),
        ("notes-00000-of-01024.txt", False),
    ],
)
def test_names(name: str, taken: bool) -> None:
    assert module.is_tfrecord(f"/d/{name}") is taken
