"""What a source of one's own has to write, and what every source offers."""

from __future__ import annotations

import copy
import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from dali_mixup import Skip, train_loader
from dali_mixup._graph.options import MAX_PIXELS
from dali_mixup._graph.probe import undecodable
from dali_mixup.check import scan
from dali_mixup.sources import FileList, Source, open_source
from dali_mixup.sources.feeding import fed
from dali_mixup.sources.names import PackedNames


class Memory(Source):
    """Images in memory, with a column of its own per sample and nothing else overridden."""

    read_in_dali = False

    def __init__(self, blobs: list[bytes], labels: Any, root: str = "mem/", classes: Any = None) -> None:
        self.blobs = blobs
        super().__init__([f"{root.rstrip('/')}/{i}" for i in range(len(blobs))], labels, classes, root)

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        return [np.frombuffer(self.blobs[i], np.uint8) for i in indices]


def bytes_of(source: Source) -> list[bytes]:
    return [row.tobytes() for row in source.feed(np.arange(len(source)))]


BLOBS = [b"zero", b"one", b"two", b"three"]


def test_parts_of_a_source_that_knows_nothing_of_parts_hold_the_right_bytes() -> None:
    whole = Memory(BLOBS, [0, 1, 0, 1])
    part = whole.exclude([0])
    assert [part.name(i) for i in range(3)] == ["mem/1", "mem/2", "mem/3"] and bytes_of(part) == BLOBS[1:]
    assert bytes_of(part.subset([2, 0])) == [b"three", b"one"]
    assert bytes_of(part.subset([2, 0]).exclude(["1"])) == [b"three"]
    assert bytes_of(part.with_classes(["a", "b"]).subset([1])) == [b"two"]
    assert bytes_of(whole) == BLOBS
    assert part.fingerprint() == FileList(["1", "2", "3"], [1, 0, 1], ["0", "1"], root="/x").fingerprint()


def test_names_may_be_packed() -> None:
    class Packed(Memory):
        def __init__(self) -> None:
            self.blobs = BLOBS
            Source.__init__(self, PackedNames.pack(list("0123"), "mem/"), [0, 1, 0, 1], ["a", "b"], "mem/")

    assert bytes_of(Packed().exclude([0])) == BLOBS[1:] and Packed().key(3) == "3"


def test_the_root_needs_no_slash_and_places_are_not_needed() -> None:
    source = Memory(BLOBS, [0, 1, 0, 1], root="mem")
    assert source.root == "mem/" and source.key(1) == "1" and source.name(1) == "mem/1"
    assert source.places(np.arange(4)) == [] == source.subset([1]).places(np.arange(1))


def test_names_that_do_not_begin_with_the_root_are_refused() -> None:
    class Wrong(Memory):
        def __init__(self, names: list[str]) -> None:
            Source.__init__(self, names, [0] * len(names), None, "mem")

    for names in (["mem/a", "other/b"], ["mem/"], ["memory/a"]):
        with pytest.raises(ValueError, match=r"must begin with the root 'mem/'"):
            Wrong(names)


WRONG = {
    "nothing": (lambda rows: None, "None"),
    "bytes": (lambda rows: rows[0].tobytes(), "a bytes"),
    "one array": (lambda rows: rows[0], r"a ndarray of length \d+ for \d indices"),
    "one too many": (lambda rows: [*rows, rows[0]], r"a list of length \d for \d indices"),
    "one too few": (lambda rows: rows[1:], r"a list of length \d for \d indices"),
    "int64": (lambda rows: [row.astype(np.int64) for row in rows], r"int64 arrays of shape \(\d+,\)"),
    "pixels": (lambda rows: [row.reshape(1, -1) for row in rows], r"uint8 arrays of shape \(1, \d+\)"),
    "None in it": (lambda rows: [None] * len(rows), "a list with a NoneType"),
    "text": (lambda rows: ["a.jpg"] * len(rows), "a list with a str"),
}


class Changed(Memory):
    """A source whose `feed` returns what a function makes of the arrays."""

    def __init__(self, made: Any, remote: bool = False) -> None:
        content = io.BytesIO()
        Image.new("RGB", (8, 8)).save(content, "PNG")
        self.made, self.remote = made, remote
        super().__init__([content.getvalue()] * 8, [0, 1] * 4)

    def feed(self, indices: np.ndarray) -> Any:
        return self.made(super().feed(indices))


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("kind", WRONG)
def test_a_feed_that_returns_something_else_is_to_blame_and_no_image_is(kind: str, remote: bool) -> None:
    made, message = WRONG[kind]
    source = Changed(made, remote)
    expected = rf"^Changed.feed returned {message}; expected a list of len\(indices\) uint8 arrays \(bytes,\)"
    given: Any = {"batch_size": 4, "image_size": 8, "device": "cpu", "bad_files": Skip()}
    with train_loader(source, policy=None, **given) as loader:
        with pytest.raises(TypeError, match=expected):
            next(iter(loader))
        assert not loader.skipped
    for ask in (lambda: source.encoded(0), lambda: source.subset([1])[0], lambda: scan(source)):
        with pytest.raises(TypeError, match=expected):
            ask()
    with pytest.raises(TypeError, match=expected):
        undecodable(source, [0], windows=False, max_pixels=MAX_PIXELS)


def test_a_feed_that_is_wrong_only_for_whole_batches() -> None:
    source = Changed(lambda rows: rows if len(rows) == 1 else rows[1:])
    given: Any = {"batch_size": 4, "image_size": 8, "device": "cpu", "bad_files": Skip()}
    with train_loader(source, policy=None, **given) as loader:
        with pytest.raises(TypeError, match="a list of length 3 for 4 indices"):
            next(iter(loader))
        assert not loader.skipped


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda row: memoryview(bytes(row) * 2)[::2]])
def test_a_feed_may_return_bytes(kind: Any) -> None:
    source = Changed(lambda rows: tuple(map(kind, rows)))
    rows = fed(source, np.arange(3))
    assert all(row.dtype == np.uint8 and row.ndim == 1 for row in rows) and type(rows) is list
    if isinstance(kind, type):
        assert source.encoded(2) == source.blobs[2] and source[0][0].size == (8, 8)
        given: Any = {"batch_size": 4, "image_size": 8, "device": "cpu"}
        with train_loader(source, policy=None, **given) as loader:
            assert len(list(loader)) == 2 and not loader.skipped


@pytest.fixture
def oracle(image_folder: Path) -> ImageFolder:
    return ImageFolder(str(image_folder))


def test_lists_are_torchvisions(image_folder: Path, oracle: ImageFolder) -> None:
    source = open_source(image_folder)
    assert source.samples == oracle.samples and list(source.samples) == oracle.samples
    assert source.targets == oracle.targets and source.class_to_idx == oracle.class_to_idx
    assert source.samples[-1] == oracle.samples[-1] and source.samples[2:5] == oracle.samples[2:5]
    assert source.targets[0] == oracle.targets[0] and type(source.targets[0]) is int
    assert source.targets[3:-2] == oracle.targets[3:-2]
    assert Counter(source.targets) == Counter(oracle.targets)
    assert np.bincount(source.targets).tolist() == np.bincount(oracle.targets).tolist()
    assert torch.tensor(source.targets).tolist() == oracle.targets
    assert source.targets.index(2) == oracle.targets.index(2)
    assert source.samples != oracle.samples[:-1] and source.targets != [*oracle.targets[:-1], 99]
    with pytest.raises(IndexError, match="outside"):
        source.samples[len(source)]
    part = source.subset([3, 20])
    assert part.samples == [oracle.samples[3], oracle.samples[20]]
    assert (
        part.targets == [oracle.targets[3], oracle.targets[20]] and part.class_to_idx == oracle.class_to_idx
    )


def test_an_item_is_torchvisions(image_folder: Path, oracle: ImageFolder) -> None:
    source = open_source(image_folder)
    for index in (0, 7, -1):
        (image, label), (expected, wanted) = source[index], oracle[index]
        assert label == wanted and image.mode == "RGB" and image.tobytes() == expected.tobytes()
    assert len(list(source)) == len(oracle), "iteration ends"
    content = io.BytesIO()
    Image.new("L", (3, 2), 9).save(content, "PNG")
    image, label = Memory([content.getvalue()], [0])[0]
    assert image.mode == "RGB" and image.size == (3, 2) and label == 0


def test_filenames_are_timms(image_folder: Path) -> None:
    reader = pytest.importorskip("timm.data.readers").create_reader("folder", str(image_folder))
    source, theirs = open_source(image_folder), {reader.filename(i) for i in range(len(reader))}
    assert {source.filename(i) for i in range(len(source))} == theirs
    for kind in ({"basename": True}, {"absolute": True}):
        assert sorted(source.filenames(**kind)) == sorted(reader.filenames(**kind))


def test_a_million_samples_cost_no_lists() -> None:
    source = FileList([f"{i}.jpg" for i in range(1000)], np.arange(1000) % 7, root="/data")
    samples, targets = source.samples, source.targets
    assert not isinstance(samples, list) and not isinstance(targets, list)
    assert samples[999] == ("/data/999.jpg", 999 % 7) and repr(samples).endswith("(1000 items)")


def test_repr_says_what_it_is() -> None:
    source = FileList(["a", "b", "c"], [0, 1, 4], root="/data/x")
    assert repr(source).splitlines() == [
        "FileList of 3 samples",
        "  root: /data/x/",
        "  classes: 5 ('0', '1', '2' and 2 more)",
    ]
    assert repr(source.subset([0])).startswith("FileList of 1 samples")


def test_a_name_of_two_labels_has_no_index() -> None:
    source = FileList(["a"], [1], ["crane", "crane", "x"], root="/")
    with pytest.raises(ValueError, match=r"'crane' has the labels \[0, 1\]"):
        assert source.class_to_idx
    assert source.classes == ("crane", "crane", "x")


def test_a_copy_of_a_part_is_a_part() -> None:
    part = Memory(BLOBS, [0, 1, 0, 1]).subset([3, 1])
    assert bytes_of(copy.copy(part)) == [b"three", b"one"]
