"""Protobuf messages are read as protobuf's own runtime writes them, whatever else they hold."""

from __future__ import annotations

from itertools import pairwise

import google_crc32c
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.sources.archives.caffe_datum import datum
from dali_mixup.sources.archives.pieces import ArchiveError
from dali_mixup.sources.archives.tf_example import image_and_label
from dali_mixup.sources.archives.tfrecord_frames import _crc_of_length
from dali_mixup.sources.archives.wire import fields
from tests.protos import Datum, example

INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES = st.one_of(
    st.lists(st.binary(max_size=300), max_size=3),
    st.lists(INT64, max_size=3),
    st.lists(st.floats(width=32), max_size=3),
)


@given(
    image=st.binary(max_size=6000),
    label=INT64,
    others=st.dictionaries(st.text(max_size=20), VALUES),
    at=st.integers(0, 50),
)
def test_examples(image: bytes, label: int, others: dict[str, list], at: int) -> None:
    wanted = {"image/encoded": [image], "image/class/label": [label]}
    record = bytes(at) + example({**others, **wanted})
    start, size, found = image_and_label(lambda first, last: record[first:last], at, len(record), *wanted)
    assert record[start : start + size] == image and found == label


@given(
    image=st.binary(max_size=500),
    label=st.integers(-(2**31), 2**31 - 1),
    sides=st.tuples(*[st.integers(0, 2**31 - 1)] * 3),
)
def test_datums(image: bytes, label: int, sides: tuple[int, int, int]) -> None:
    channels, height, width = sides
    message = Datum(data=image, label=label, encoded=True, channels=channels, height=height, width=width)
    content = message.SerializeToString()
    found = datum(lambda start, stop: content[start:stop], 0, len(content))
    assert content[found.start : found.stop] == image and found.label == label and found.encoded
    assert (found.channels, found.height, found.width) == sides


@given(content=st.binary(max_size=60))
def test_any_bytes_are_fields_one_after_the_other_or_refused(content: bytes) -> None:
    try:
        found = list(fields(lambda start, stop: content[start:stop], 0, len(content)))
    except ArchiveError as error:
        assert "offset" in str(error)
        return
    assert all(0 <= field.start <= field.stop <= len(content) and field.number > 0 for field in found)
    assert [field.stop for field in found][-1:] == [len(content)][: len(found)]
    assert all(before.stop < after.start for before, after in pairwise(found))


@given(st.binary(min_size=8, max_size=8))
def test_the_checksum_of_a_length(content: bytes) -> None:
    assert _crc_of_length(content + b"rest") == google_crc32c.value(content)
