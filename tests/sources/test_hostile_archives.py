"""Archives with any bytes changed: read, or refused in one line that names the file; no sample is lost silently."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dali_mixup.sources import LMDB, RecordIO, Source, TFRecords, open_source
from tests.archives import imagenet_example, write_lmdb, write_rec, write_tfrecord
from tests.protos import datum
from tests.tars import contents, pair, write_tar

COUNT = 6
IMAGES = [b"\xff\xd8\xff image %d" % at * (150 * (at % 3) + 1) for at in range(COUNT)]
DATA = Path(__file__).parent / "data"


def tfrecord(place: Path) -> Path:
    return write_tfrecord(
        place / "t.tfrecord", [imagenet_example(image, at) for at, image in enumerate(IMAGES)]
    )


def recordio(place: Path) -> Path:
    return write_rec(
        place / "t.rec", [([float(at)] if at % 2 else float(at), image) for at, image in enumerate(IMAGES)]
    )


def recordio_of_mxnet(place: Path) -> Path:
    return Path(shutil.copy(DATA / "images.rec", place / "t.rec"))


def lmdb(place: Path) -> Path:
    entries = {b"%03d.jpg" % at: datum(image, at) for at, image in enumerate(IMAGES)}
    entries[b"000.jpg"] = datum(bytes(12), 0, channels=1, height=3, width=4)
    return write_lmdb(place / "t.lmdb", entries, subdir=False)


def zip_file(place: Path) -> Path:
    with zipfile.ZipFile(place / "t.zip", "w") as archive:
        for at, image in enumerate(IMAGES):
            archive.writestr(
                f"{at % 2}/{at}.jpg", image, zipfile.ZIP_DEFLATED if at % 3 else zipfile.ZIP_STORED
            )
    return place / "t.zip"


def tar(place: Path) -> Path:
    return write_tar(place / "t.tar", [part for number in range(COUNT) for part in pair(number)])


WRITERS = {
    "tfrecord": tfrecord,
    "recordio": recordio,
    "mxnet": recordio_of_mxnet,
    "lmdb": lmdb,
    "zip": zip_file,
    "tar": tar,
}


def read_or_refused(path: Path) -> Source | None:
    """The source, all of whose samples are read or refused; None where it was refused as a whole."""
    try:
        source = open_source(path)
    except ValueError as error:
        assert path.name in str(error) or "the labels are" in str(error)
        assert "\n" not in str(error) and len(str(error)) < 1000
        return None
    for index in range(len(source)):
        try:
            assert source.feed(np.array([index]))[0].dtype == np.uint8
        except ValueError as error:
            assert "\n" not in str(error)
    return source


@pytest.fixture(scope="module", params=WRITERS)
def written(request: pytest.FixtureRequest) -> Iterator[tuple[Path, bytes]]:
    """A file and its whole content."""
    with tempfile.TemporaryDirectory() as place:
        path = WRITERS[request.param](Path(place))
        whole = path.read_bytes()
        assert len(open_source(path)) in (5, COUNT)
        yield path, whole


def test_an_empty_file_among_others_is_named(written: tuple[Path, bytes]) -> None:
    """As an interrupted copy leaves it: its samples would be lacking without a word."""
    path, _ = written
    empty = path.with_name(f"empty{path.suffix}")
    empty.touch()
    for data in (empty, [path, empty], [empty, path]):
        with pytest.raises(
            ValueError, match=rf"empty\{path.suffix}' (is empty \(0 bytes\)|.*is it cut short)"
        ):
            open_source(data)


def structure(whole: bytes) -> list[int]:
    """The positions in a file that are neither inside an image nor in the middle of a long run of zeros."""
    plain = bytearray(whole)
    for image in IMAGES:
        at = whole.find(image)
        if at >= 0:
            plain[at + 4 : at + len(image) - 4] = bytes(len(image) - 8)
    runs = [match.span() for match in re.finditer(rb"\0{32,}", bytes(plain))]
    skipped = {at for start, stop in runs for at in range(start + 8, stop - 8)}
    return [at for at in range(len(whole)) if at not in skipped]


def rewritten(path: Path, content: bytes) -> Path:
    """The file with another content, and without an index."""
    Path(f"{path}.index.npz").unlink(missing_ok=True)
    path.write_bytes(content)
    return path


SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(data=st.data())
@SETTINGS
def test_changed_bytes(written: tuple[Path, bytes], data: st.DataObject) -> None:
    path, whole = written
    content = bytearray(whole)
    for at in data.draw(st.lists(st.sampled_from(structure(whole)), min_size=1, max_size=3)):
        content[at] ^= data.draw(
            st.one_of(st.sampled_from([1 << bit for bit in range(8)]), st.integers(1, 255))
        )
    source = read_or_refused(rewritten(path, bytes(content)))
    if source is not None and not source.remarks:
        assert len(source) == len(open_source(rewritten(path, whole))), "none is lost, none is added"


@pytest.mark.slow
def test_no_single_bit_loses_a_sample(written: tuple[Path, bytes]) -> None:
    path, whole = written
    count = len(open_source(rewritten(path, whole)))
    for at in structure(whole):
        for bit in range(8):
            content = bytearray(whole)
            content[at] ^= 1 << bit
            source = read_or_refused(rewritten(path, bytes(content)))
            assert source is None or source.remarks or len(source) == count, (at, bit)


@given(data=st.data())
@SETTINGS
def test_wild_numbers_in_place_of_others(written: tuple[Path, bytes], data: st.DataObject) -> None:
    path, whole = written
    width = data.draw(st.sampled_from([2, 4, 8]))
    number = data.draw(
        st.sampled_from([0, 1, (1 << 8 * width) - 1, 1 << (8 * width - 1), (1 << (8 * width - 1)) - 1])
    )
    at = min(data.draw(st.sampled_from(structure(whole))), len(whole) - width)
    content = whole[:at] + number.to_bytes(width, "little") + whole[at + width :]
    source = read_or_refused(rewritten(path, content))
    if source is not None and not source.remarks:
        assert len(source) == len(open_source(rewritten(path, whole)))


@given(data=st.data())
@SETTINGS
def test_missing_and_foreign_parts(written: tuple[Path, bytes], data: st.DataObject) -> None:
    path, whole = written
    first, last = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=2, max_size=2)))
    between = data.draw(st.one_of(st.just(b""), st.binary(max_size=40), st.just(whole[:200])))
    read_or_refused(rewritten(path, whole[:first] + between + whole[last:]))


@given(content=st.binary(max_size=300))
@SETTINGS
def test_any_bytes(written: tuple[Path, bytes], content: bytes) -> None:
    path, _ = written
    read_or_refused(rewritten(path, content))


@pytest.mark.parametrize(
    ("write", "opened"),
    [(tfrecord, TFRecords), (recordio_of_mxnet, RecordIO), (lmdb, LMDB)],
)
@pytest.mark.parametrize("number", [-1, 1, 1 << 40, -(1 << 62), 1 << 62])
def test_a_poisoned_index_is_not_used_or_its_samples_are_refused(
    tmp_path: Path, write: Callable[[Path], Path], opened: Callable[[Path], Any], number: int
) -> None:
    path = write(tmp_path)
    good = contents(opened(path))
    kept = Path(f"{path}.index.npz")
    saved = dict(np.load(kept))
    for column in saved:
        if saved[column].dtype != np.int64:
            continue
        np.savez(kept.open("wb"), **{**saved, column: saved[column] + number})
        try:
            source = opened(path)
        except ValueError:
            continue  # labels that are no class
        for index in range(len(good)):
            try:
                assert len(source.feed(np.array([index]))[0]) < 1 << 20
            except ValueError as error:
                assert "\n" not in str(error)
