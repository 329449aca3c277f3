"""RecordIO files are read as MXNet and DALI read them, and what cannot be read is named with its offset."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from nvidia.dali import fn, pipeline_def

from dali_mixup.sources import RecordIO, open_source
from dali_mixup.sources.inputs import local_state
from tests.archives import write_rec
from tests.tars import contents

DATA = Path(__file__).parent / "data"
EXPECTED = json.loads((DATA / "recordio.json").read_text())
MAGIC = struct.pack("<I", 0xCED7230A)


def copied(name: str, folder: Path) -> Path:
    """A file of tests/sources/data, where an index may lie beside it."""
    return Path(shutil.copy(DATA / name, folder / name))


def test_what_mxnet_wrote_is_what_mxnet_reads(tmp_path: Path) -> None:
    source = open_source(copied("images.rec", tmp_path))
    expected = EXPECTED["images"]
    assert [hashlib.sha256(image).hexdigest() for image in contents(source)] == [
        r["sha256"] for r in expected
    ]
    assert list(source.targets) == [int(np.ravel(record["label"])[0]) for record in expected]
    assert [source.key(at) for at in range(5)] == [f"images.rec/{at}" for at in range(5)]
    assert MAGIC in contents(source)[2], "the record that MXNet wrote in parts"
    again = RecordIO(tmp_path / "images.rec")
    assert contents(again) == contents(source), "by the kept index"


def test_the_idx_file_is_not_needed_but_must_agree(tmp_path: Path) -> None:
    path = copied("images.rec", tmp_path)
    assert len(RecordIO(path)) == 5
    index = copied("images.idx", tmp_path)
    listed = index.read_text().splitlines(keepends=True)
    last = int(listed[-1].split()[1])

    def opened() -> RecordIO:
        Path(f"{path}.index.npz").unlink(missing_ok=True)
        return RecordIO(path)

    assert len(opened()) == 5 and not opened().remarks
    index.write_text("".join(listed[:-2]))
    (remark,) = opened().remarks
    assert "records that the .idx file does not list: 2, such as the one at offset" in remark.text
    index.write_text("".join(listed) + "broken line\n")
    with pytest.raises(
        ValueError, match=r"images\.idx, line 6: expected a number, a tab and an offset, got 'broken line'"
    ):
        opened()
    index.write_text("".join(listed))
    path.write_bytes(path.read_bytes()[:last])
    with pytest.raises(
        ValueError, match=rf"idx' lists 1 records that are not in .*rec', such as one at offset {last}"
    ):
        opened()


def test_the_idx_file_is_compared_whenever_it_is_another(tmp_path: Path) -> None:
    """The index is kept, and the .idx may come, change and go later."""
    path = copied("images.rec", tmp_path)
    listed = (DATA / "images.idx").read_text().splitlines(keepends=True)
    path.write_bytes(path.read_bytes()[: int(listed[-1].split()[1])])
    assert len(RecordIO(path)) == 4, "nothing says that there were five"
    index = tmp_path / "images.idx"
    index.write_text("".join(listed))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"idx' lists 1 records that are not in .*rec'"):
            RecordIO(path)
    index.write_text("".join(listed[:-2]))
    for _ in range(2):  # the second from the index
        assert ["does not list: 1," in remark.text for remark in RecordIO(path).remarks] == [True]
    index.unlink()
    assert not RecordIO(path).remarks
    kept = Path(f"{path}.index.npz").stat().st_mtime_ns
    assert len(RecordIO(path)) == 4 and Path(f"{path}.index.npz").stat().st_mtime_ns == kept


def test_dali_reads_the_same(tmp_path: Path) -> None:
    path, index = copied("images.rec", tmp_path), DATA / "images.idx"

    @pipeline_def(batch_size=5, num_threads=1, device_id=None)
    def pipeline():  # type: ignore[no-untyped-def]
        return tuple(fn.readers.mxnet(path=[str(path)], index_path=[str(index)]))

    images, labels = pipeline().run()
    source = RecordIO(path)
    assert [bytes(np.array(image)) for image in images] == contents(source)
    assert [int(np.array(label)[0]) for label in labels] == list(source.targets)


def test_records_of_several_labels_need_to_be_told_which_is_the_class(tmp_path: Path) -> None:
    path = copied("labels.rec", tmp_path)
    with pytest.raises(
        ValueError, match=r"offset 0 has 3 labels: 9, 1, 0\.5\. .*label_index=0.*labels=\.\.\."
    ):
        open_source(path)
    source = RecordIO(path, label_index=1)
    wanted = [record for record in EXPECTED["labels"] if record["bytes"]]
    assert list(source.targets) == [int(record["label"][1]) for record in wanted]
    assert [hashlib.sha256(image).hexdigest() for image in contents(source)] == [r["sha256"] for r in wanted]
    assert [source.key(at) for at in range(3)] == ["labels.rec/0", "labels.rec/1", "labels.rec/3"]
    assert [
        "records without an image are left out: 1, such as number 2" in r.text for r in source.remarks
    ] == [True]
    with pytest.raises(
        ValueError, match=r"label of the record at offset 0 is 0\.5, expected the number of a class"
    ):
        RecordIO(path, label_index=2)
    with pytest.raises(ValueError, match=r"has 3 labels, none at label_index=3"):
        RecordIO(path, label_index=3)
    with pytest.raises(TypeError, match="label_index"):
        RecordIO(path, label_index="1")  # type: ignore[arg-type]


@pytest.mark.parametrize("label", [0.5, -1.0, float("nan"), float("inf"), 1e30, [float("nan")]])
def test_labels_that_are_no_class_are_named(tmp_path: Path, label: float) -> None:
    path = write_rec(tmp_path / "t.rec", [(1.0, b"abcd"), (label, b"image")])
    with pytest.raises(
        ValueError, match=r"t\.rec' cannot be read as a RecordIO file: the label of the record at offset 36 "
    ):
        RecordIO(path)


def test_files_that_are_cut_short_are_named(tmp_path: Path) -> None:
    path = copied("images.rec", tmp_path)
    whole = path.read_bytes()
    for size in (*range(1, 60), *range(60, len(whole), 7)):
        path.write_bytes(whole[:size])
        try:
            source = RecordIO(path)
        except ValueError as error:
            assert "images.rec' cannot be read as a RecordIO file: " in str(error) and "offset" in str(error)
        else:
            assert len(source) < 5, "cut between two records"


def part(mark: int, content: bytes) -> bytes:
    return MAGIC + struct.pack("<I", mark << 29 | len(content)) + content + bytes(-len(content) % 4)


HEADER = struct.pack("<IfQQ", 0, 1.0, 0, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (part(2, HEADER), "the part at offset 0 does not belong"),
        (part(1, HEADER), "the record at offset 0 has no last part"),
        (part(1, HEADER) + part(0, HEADER), "the part at offset 32 does not belong"),
        (part(1, HEADER + b"abc") + part(3, b"d"), "27 bytes, expected a multiple of 4"),
        (part(1, HEADER[:8]) + part(3, HEADER[8:] + b"abcd"), "8 bytes, fewer than im2rec's header"),
        (part(1, HEADER) + part(3, b"abcd"), "first part of the record at offset 0 ends inside its header"),
        (part(0, b"short"), "5 bytes, fewer than im2rec's header"),
        (part(0, struct.pack("<IfQQ", 1 << 31, 1.0, 0, 0) + b"abcd"), "claims 2147483648 labels in 28 bytes"),
        (part(5, HEADER), "there is no record at offset 0"),
        (
            MAGIC + struct.pack("<I", (1 << 29) - 1) + HEADER,
            "claims 536870911 bytes, but the file ends at offset 32",
        ),
        (b"no RecordIO file", "there is no record at offset 0"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.rec").write_bytes(content)
    with pytest.raises(ValueError, match=rf"t\.rec' cannot be read as a RecordIO file: .*{message}"):
        RecordIO(tmp_path / "t.rec")


def test_parts_damaged_after_indexing_are_named_when_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by decaying storage, which changes no times."""
    path = copied("images.rec", tmp_path)
    source = RecordIO(path)
    _, start, size = source.places(np.array([2]))[0]
    content = bytearray(path.read_bytes())
    inner = content.index(MAGIC, start)
    assert inner < start + size
    content[inner + 4 : inner + 8] = struct.pack("<I", 3 << 29 | 1 << 20)
    before = local_state(path.stat())
    path.write_bytes(bytes(content))
    monkeypatch.setattr("dali_mixup.sources.archives.open_files.local_state", lambda status: before)
    with pytest.raises(ValueError, match="parts of the record are damaged behind its byte"):
        source.feed(np.array([2]))
    assert source.feed(np.array([1]))[0].size == EXPECTED["images"][1]["bytes"], "the others are read"
