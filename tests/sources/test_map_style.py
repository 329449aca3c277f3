"""Any map-style Dataset as data."""

from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, random_split
from torchvision.datasets import CIFAR10, FakeData, ImageFolder

from dali_mixup import BadFileError, Skip, train_loader
from dali_mixup.sources import DatasetSource, open_source
from dali_mixup.sources.objects.joined import Joined
from tests.odd_images import picture
from tests.tars import contents, pair, write_tar

PICTURES = [picture(20 + i, 16, seed=i) for i in range(6)]
LABELS = [0, 1, 2, 0, 1, 2]


class Pictures(Dataset):
    """Six pictures. `targets` only where they are given."""

    def __init__(self, targets: Any = None, **more: Any) -> None:
        if targets is not None:
            self.targets = targets
        self.__dict__.update(more)

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        return PICTURES[index], LABELS[index]


def same_pictures(source: Any, indices: Any = range(6)) -> bool:
    return all(
        np.array_equal(np.asarray(source[at][0]), np.asarray(PICTURES[i])) for at, i in enumerate(indices)
    )


@pytest.mark.parametrize("targets", [LABELS, tuple(LABELS), np.array(LABELS, np.uint8), torch.tensor(LABELS)])
def test_labels_come_from_targets(targets: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="dali_mixup")
    for dataset in (Pictures(targets), Pictures(labels=targets)):
        source = open_source(dataset)
        assert source.labels.tolist() == LABELS and same_pictures(source)
        assert source.key(3) == "3" and source.name(3) == "Pictures/3"
    assert not caplog.records


def test_without_targets_every_item_is_read_once_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="dali_mixup")
    assert open_source(Pictures()).labels.tolist() == LABELS
    (record,) = caplog.records
    assert "neither `targets` nor `labels`: all its 6 items are read once" in record.getMessage()
    assert "DatasetSource(dataset, labels=[...])" in record.getMessage()


def test_targets_that_are_none_are_not_taken() -> None:
    for other in (["a", "b"], [0, 1], torch.zeros(6, 3), "labels", lambda: LABELS):
        assert open_source(Pictures(other)).labels.tolist() == LABELS


def test_targets_that_are_not_those_of_the_items_are_noticed() -> None:
    with pytest.raises(
        ValueError, match=r"item 0 of the Pictures has the label 0, but .* say 1; give DatasetSource"
    ):
        open_source(Pictures([1, *LABELS[1:]]))
    source = open_source(Pictures([0, 0, 2, 0, 1, 2]))  # wrong in the second only, which is not read at first
    for bad_files in (
        "raise",
        Skip(),
    ):  # the image is not bad, and a dataset that is wrong here may be wrong anywhere
        loader = train_loader(source, batch_size=6, image_size=8, device="cpu", seed=1, bad_files=bad_files)
        with pytest.raises(
            RuntimeError, match=r"^item 1 of the Pictures has the label 1, but .* say 0; give"
        ):
            list(loader)
        assert not loader.skipped


def test_labels_and_classes_of_the_users() -> None:
    source = DatasetSource(Pictures(), labels=[5, 4, 3, 2, 1, 0], classes=list("abcdef"))
    assert source.labels.tolist() == [5, 4, 3, 2, 1, 0] and source.classes == tuple("abcdef")
    assert source[0][1] == 5 and same_pictures(source)
    images = [np.asarray(image) for image in PICTURES]
    assert same_pictures(DatasetSource(images, labels=LABELS)), "items that are images alone"
    assert same_pictures(DatasetSource(list(zip(PICTURES, LABELS, strict=True)))), "and no Dataset of torch"
    for given in ({"classes": ["x", "y", "z"]}, {"class_to_idx": {"x": 0, "y": 1, "z": 2}}):
        assert open_source(Pictures(LABELS, **given)).classes == ("x", "y", "z")
        assert open_source(Pictures(LABELS, **given)).classes_named


@pytest.mark.parametrize(
    "classes",
    [
        ("x", "y", "z"),
        np.array(["x", "y", "z"]),
        np.array(["x", "y", "z"], object),
        pandas.Index(["x", "y", "z"]),
    ],
    ids=["tuple", "array", "objects", "index"],
)
def test_classes_may_be_any_list_of_names(classes: Any) -> None:
    source = open_source(Pictures(LABELS, classes=classes))
    assert source.classes == ("x", "y", "z") and all(type(name) is str for name in source.classes)
    assert open_source(Pictures(LABELS), classes=classes).classes == ("x", "y", "z")
    assert open_source(Pictures(LABELS), classes=Pictures(LABELS, classes=classes)).classes == ("x", "y", "z")


@pytest.mark.parametrize(
    "classes", [[], 3, np.arange(3), [0, 1, 2], np.array(3), np.zeros((3, 2)), torch.arange(3)]
)
def test_classes_that_are_no_names_are_not_taken(classes: Any) -> None:
    source = open_source(Pictures(LABELS, classes=classes))
    assert source.classes == ("0", "1", "2") and not source.classes_named


def test_torchvisions_datasets(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeData(5, image_size=(3, 9, 7), num_classes=4)
    source = open_source(fake)
    assert source.labels.tolist() == [fake[i][1] for i in range(5)]
    assert all(np.array_equal(np.asarray(source[i][0]), np.asarray(fake[i][0])) for i in range(5))
    monkeypatch.setattr(CIFAR10, "__init__", lambda self: None)
    cifar = CIFAR10()
    cifar.data = np.random.RandomState(0).randint(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    cifar.targets, cifar.classes, cifar.transform, cifar.target_transform = (
        [3, 1, 0, 2],
        list("abcd"),
        None,
        None,
    )
    source = open_source(cifar)
    assert source.targets == [3, 1, 0, 2] and source.classes == tuple("abcd")
    assert all(np.array_equal(np.asarray(source[i][0]), cifar.data[i]) for i in range(4))


def test_parts_and_rows_of_datasets() -> None:
    part = open_source(Subset(Subset(Pictures(LABELS), [5, 2, 4]), [2, 0]))
    assert part.labels.tolist() == [1, 2] and same_pictures(part, [4, 5])
    halves = [open_source(half) for half in random_split(Pictures(LABELS), [2, 4])]
    assert sorted(half.key(i) for half in halves for i in range(len(half))) == list("012345")
    joined = open_source(ConcatDataset([Subset(Pictures(LABELS), [1]), Pictures(LABELS)]))
    assert joined.labels.tolist() == [1, *LABELS] and same_pictures(joined, [1, 0, 1, 2, 3, 4, 5])
    assert joined.feed(np.array([6, 0, 2]))[1].tobytes() == joined.encoded(0)
    assert len({joined.key(i) for i in range(7)}) == 7


def test_only_what_fits_is_joined(image_folder: Any) -> None:
    whole = ImageFolder(str(image_folder))
    with pytest.raises(ValueError, match="cannot be joined: only one of them consists of files"):
        open_source(ConcatDataset([whole, Pictures(LABELS)]))
    other = Pictures(LABELS, classes=["x", "y", "z"])
    with pytest.raises(
        ValueError, match=r"different classes cannot be joined: part 0 has .*; state them for all"
    ):
        open_source(ConcatDataset([other, Pictures(LABELS)]))
    joined = open_source(ConcatDataset([other, Pictures(LABELS)]), classes=["x", "y", "z"])
    assert joined.classes == ("x", "y", "z")


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        yield from zip(PICTURES, LABELS, strict=True)


class Yielding(Pictures):
    def __init__(self, item: Any) -> None:
        super().__init__()
        self.item = item

    def __getitem__(self, index: int) -> Any:
        return self.item


@pytest.mark.parametrize(
    ("dataset", "error", "message"),
    [
        (
            Stream(),
            TypeError,
            "Stream has no len.. or no random access by index; write its samples to tar shards",
        ),
        (Yielding({"image": 0, "label": 0}), TypeError, r"must be \(image, label\), got dict with the keys"),
        (Yielding(PICTURES[0]), TypeError, r"must be \(image, label\), got Image"),
        (
            Yielding((PICTURES[0], 1.5)),
            TypeError,
            r"label of item 0 .* whole number, got 1\.5; .*LabelVectors",
        ),
        (Yielding((PICTURES[0], "cat")), TypeError, "whole number, got 'cat'"),
        (
            Yielding((torch.zeros(3, 8, 8), 1)),
            TypeError,
            r"item 0 .*float32, as transforms .* without its transform",
        ),
        (TensorDataset(torch.zeros(4, 3, 8, 8), torch.zeros(4).long()), TypeError, "float32, as transforms"),
        (Subset(Pictures(LABELS), []), ValueError, "none of the 6 samples is left"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_way_out(dataset: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        open_source(dataset)


def test_what_is_no_dataset_is_pointed_out() -> None:
    with pytest.raises(TypeError, match="got DataLoader; give its dataset"):
        open_source(torch.utils.data.DataLoader(Pictures(LABELS)))
    for images in (PICTURES, list(zip(PICTURES, LABELS, strict=True)), [torch.zeros(3, 4, 4)]):
        with pytest.raises(
            TypeError, match=r"data is a list of images in memory; give DatasetSource\(images, labels="
        ):
            open_source(images)
    for array in (np.zeros((2, 4, 4, 3), np.uint8), torch.zeros(2, 3, 4, 4)):
        with pytest.raises(
            TypeError, match=r"for images in memory give DatasetSource\(images, labels=\[\.\.\.\]\)"
        ):
            open_source(array)
    uint8 = TensorDataset(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 2, 1]))
    assert open_source(uint8).targets == [0, 1, 2, 1]


def test_arguments() -> None:
    with pytest.raises(ValueError, match=r"6 samples need labels of shape \(6,\), got \(2,\)"):
        DatasetSource(Pictures(), labels=[0, 1])
    with pytest.raises(ValueError, match="threads=0"):
        DatasetSource(Pictures(), threads=0)
    with pytest.raises(TypeError, match="DatasetSource: int has no len"):
        DatasetSource(3)
    with pytest.raises(ValueError, match="the list is empty"):
        DatasetSource([])


class Watched(Pictures):
    """Counts the calls that run at the same time."""

    def __init__(self) -> None:
        super().__init__(LABELS)
        self.running, self.most, self.met = 0, 0, threading.Event()

    def __getitem__(self, index: int) -> Any:
        self.running += 1
        self.most = max(self.most, self.running)
        if self.running > 1:
            self.met.set()
        self.met.wait(0.05)
        self.running -= 1
        return super().__getitem__(index)


def test_calls_at_the_same_time_only_where_that_is_allowed() -> None:
    dataset = Watched()
    source = DatasetSource(dataset)
    callers = [threading.Thread(target=source.feed, args=(np.arange(3),)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert dataset.most == 1
    several = Watched()
    source = DatasetSource(several, threads=3)
    expected = [open_source(Pictures(LABELS)).encoded(i) for i in range(6)]
    assert [row.tobytes() for row in source.feed(np.arange(6))] == expected, "in order"
    callers = [threading.Thread(target=source.feed, args=(np.array([i]),)) for i in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert 1 < several.most <= 3


def test_a_sample_whose_code_raises_is_skipped() -> None:
    class Broken(Pictures):
        def __getitem__(self, index: int) -> Any:
            if index in (0, 4):
                raise KeyError("no such row")
            return super().__getitem__(index)

    loader = train_loader(
        Broken(LABELS), batch_size=6, image_size=8, device="cpu", bad_files=Skip(), drop_last=False
    )
    list(loader)
    assert sorted(loader.skipped) == ["Broken/0", "Broken/4"]
    with pytest.raises(BadFileError, match=r"Broken\[\d\] raised KeyError: 'no such row'"):
        list(train_loader(Broken(LABELS), batch_size=6, image_size=8, device="cpu"))


def test_joined_shards_have_keys_below_their_common_folder(tmp_path: Any) -> None:
    parts = [write_tar(tmp_path / f"s-{number}.tar", pair(number)) for number in range(2)]
    joined = Joined([open_source(part) for part in parts])
    assert [joined.key(i) for i in range(2)] == ["s-0.tar/s/0000.jpg", "s-1.tar/s/0001.jpg"]
    assert contents(joined) == contents(open_source(parts)) and joined.kind == "Joined"
