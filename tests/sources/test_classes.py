"""classes=: labels of two data sets mean the same."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, Subset
from torchvision.datasets import ImageFolder

from dali_mixup.sources import DatasetSource, FileList, TarShards, open_source, write_manifest
from dali_mixup.sources.classes import ClassMap, class_map
from tests.odd_images import picture
from tests.tars import pair, write_tar


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return tree(tmp_path / "train", "abc")


def tree(root: Path, classes: str) -> Path:
    for name in classes:
        (root / name).mkdir(parents=True)
        (root / name / "0.jpg").touch()
        (root / name / "1.jpg").touch()
    return root


def meaning(source: object) -> list[str]:
    return [source.classes[label] for label in source.targets]  # type: ignore[attr-defined]


def test_a_validation_folder_that_lacks_a_class_keeps_the_training_labels(
    tmp_path: Path, train: Path
) -> None:
    learned = open_source(train)
    val = tree(tmp_path / "val", "bc")
    loader = SimpleNamespace(dataset=learned, classes=learned.classes, num_classes=3)
    for classes in (
        ["a", "b", "c"],
        {"a": 0, "b": 1, "c": 2},
        learned,
        loader,
        ImageFolder(str(train)),
        torch.utils.data.Subset(ImageFolder(str(train)), [0]),
        torch.utils.data.DataLoader(ImageFolder(str(train))),
    ):
        source = open_source(val, classes=classes)
        assert source.classes == ("a", "b", "c") and source.labels.tolist() == [1, 1, 2, 2]
        assert source.class_to_idx == {"a": 0, "b": 1, "c": 2}
        assert meaning(source) == ["b", "b", "c", "c"]


def test_any_order_of_classes_is_kept(train: Path) -> None:
    source = open_source(train, classes=["c", "z", "a", "b"])
    assert source.labels.tolist() == [2, 2, 3, 3, 0, 0] and source.num_classes == 4


def test_a_class_that_training_does_not_know_is_named(tmp_path: Path, train: Path) -> None:
    val = tree(tmp_path / "val", "bcde")
    with pytest.raises(
        ValueError, match=r"2 of the 4 classes of .*val/' are not in classes=: 'd', 'e'; .* 'a', 'b', 'c'"
    ):
        open_source(val, classes=open_source(train))


def test_an_empty_class_folder_takes_no_label_of_its_own(tmp_path: Path, train: Path) -> None:
    val = tree(tmp_path / "val", "bc")
    (val / "a").mkdir()
    (val / "unheard of").mkdir()
    assert open_source(val, classes=["a", "b", "c"]).labels.tolist() == [1, 1, 2, 2]


def test_manifests_keep_names_and_lists_keep_numbers(tmp_path: Path, train: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", open_source(train))
    assert open_source(tmp_path / "m.jsonl", classes=["c", "b", "a"]).labels.tolist() == [2, 2, 1, 1, 0, 0]
    (tmp_path / "l.txt").write_text("x.jpg 1\ny.jpg 0\n")
    for data in (tmp_path / "l.txt", [("x.jpg", 1), ("y.jpg", 0)]):
        source = open_source(data, classes=["c", "b", "a"])
        assert source.labels.tolist() == [1, 0] and meaning(source) == ["b", "c"] and source.num_classes == 3
    with pytest.raises(ValueError, match=r"label of .*x\.jpg' is 1, outside \[0, 1\)"):
        open_source(tmp_path / "l.txt", classes=["only"])


def test_labels_of_shards_are_numbers_which_classes_name(tmp_path: Path) -> None:
    write_tar(tmp_path / "t.tar", pair(0) + pair(1) + pair(2))
    source = open_source(tmp_path / "t.tar", classes=["x", "y", "z", "w"])
    assert meaning(source) == ["x", "y", "z"]
    assert source.fingerprint() == TarShards([tmp_path / "t.tar"], ["x", "y", "z", "w"]).fingerprint()


def test_names_as_labels_map_through_classes(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("x.jpg dog\ny.jpg cat\n")
    for data in (tmp_path / "l.txt", [("x.jpg", "dog"), ("y.jpg", "cat")]):
        assert open_source(data, classes=["cat", "dog"]).labels.tolist() == [1, 0]
        assert open_source(data, classes={"cat": 4, "dog": 2}).labels.tolist() == [2, 4]
        with pytest.raises(ValueError, match=r"label 'dog'; for names, give the label of each with classes="):
            open_source(data)
        with pytest.raises(ValueError, match=r"the label 'dog' is not in classes=: 'cat', 'cow'"):
            open_source(data, classes=["cat", "cow"])
    (tmp_path / "l.txt").write_text("x.jpg 0\ny.jpg cat\n")
    with pytest.raises(
        ValueError, match=r"l\.txt, line 2: the label 'cat' is a name, but others are numbers"
    ):
        open_source(tmp_path / "l.txt", classes=["cat", "dog"])


def test_digits_in_a_list_are_names_where_all_classes_are(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("x.jpg 10\ny.jpg 2\n")
    assert open_source(tmp_path / "l.txt", classes=["1", "10", "2"]).labels.tolist() == [1, 2]


def test_several_names_may_share_a_label_and_labels_may_be_missing(tmp_path: Path, train: Path) -> None:
    source = open_source(train, classes={"a": 3, "b": 0, "c": 3})
    assert source.labels.tolist() == [3, 3, 0, 0, 3, 3]
    assert source.classes == ("b", "1", "2", "a, c") and source.class_to_idx == {"a": 3, "b": 0, "c": 3}
    val = open_source(tree(tmp_path / "val", "c"), classes=source)
    assert val.labels.tolist() == [3, 3] and val.classes == source.classes


def test_repeated_names_serve_numbers_but_not_names(train: Path) -> None:
    names = ["a", "a", "b", "c"]
    assert open_source([("x", 1)], classes=names).classes == tuple(names)
    with pytest.raises(ValueError, match=r"'a' has the labels \[0, 1\]"):
        open_source(train, classes=names)


IMAGENET = [("crane",), ("golden retriever",), ("crane",), ("maillot",), ("maillot", "tank suit")]


class ImageNetLike(Dataset):
    """As torchvision's ImageNet, in whose `class_to_idx` only the last class of a name has a label."""

    classes: Any = IMAGENET
    class_to_idx: Any = {name: label for label, names in enumerate(IMAGENET) for name in names}  # noqa: RUF012
    targets = (0, 1, 2, 3, 4)

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        return picture(9, 9, seed=index), index


def test_names_that_a_mapping_lost_are_those_of_the_list(tmp_path: Path) -> None:
    names = ("crane", "golden retriever", "crane", "maillot", "maillot, tank suit")
    given = ImageNetLike()
    for source in (open_source(given), open_source([("x", 4)], classes=given)):
        assert source.classes == names
    birds = tmp_path / "birds"
    (birds / "crane").mkdir(parents=True)
    (birds / "crane" / "1.jpg").touch()
    for classes in (given, given.classes, open_source(given), Subset(given, [0])):
        with pytest.raises(ValueError, match=r"the name 'crane' has the labels \[0, 2\]"):
            open_source(birds, classes=classes)


@pytest.mark.parametrize(
    ("names", "mapping", "classes"),
    [
        ([("a", "b"), ("c",)], {"a": 0, "b": 0, "c": 1}, ("a, b", "c")),
        (["a", "b", "c"], {"a": 0, "b": 0, "c": 1}, ("a, b", "c")),
        (["a", "b", "a"], {"a": 0, "b": 1}, ("a", "b", "a")),
        (["a", "b", "a"], {"a": 1, "b": 0}, ("b", "a")),
        (["a", "b", "a"], {"a": 0, "b": 1, "c": 2}, ("a", "b", "c")),
        (["a", "b"], {}, ("a", "b")),
        ([], {"a": 0, "b": 1}, ("a", "b")),
    ],
)
def test_a_mapping_beside_a_list_counts_unless_it_lost_names(names: Any, mapping: Any, classes: Any) -> None:
    given = SimpleNamespace(classes=names, class_to_idx=mapping)
    assert class_map(given).names == classes
    dataset = ImageNetLike()
    dataset.classes, dataset.class_to_idx, dataset.targets = names, mapping, (0,) * 5
    assert DatasetSource(dataset, labels=[0] * 5, classes=dataset).classes == classes


def test_a_source_given_with_classes_is_not_changed(train: Path) -> None:
    source = open_source(train)
    other = open_source(source.subset([5, 0]), classes=["c", "b", "a"])
    assert other.labels.tolist() == [0, 2] and source.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert other.fingerprint() != source.subset([5, 0]).fingerprint()
    assert open_source(other.subset([1]), classes=source).labels.tolist() == [0]


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        ("abc", ValueError, "'abc': expected a .txt or .json file of class names; .* give a list"),
        (3, TypeError, "classes must be a list of names"),
        ([], ValueError, "at least one name"),
        ({}, ValueError, "at least one name"),
        ([0, 1, 2], TypeError, "name 0 must be text, got 0"),
        ({"a": "0"}, TypeError, "the label of 'a' must be a whole number"),
        ({"a": True}, TypeError, "the label of 'a' must be a whole number"),
        ({"a": -1}, ValueError, r"label of 'a' must be in \[0, 10000000\), got -1"),
        ({"a": 10**9}, ValueError, "got 1000000000"),
        ({1: 0}, TypeError, "name 0 must be text, got 1"),
        ({"a", "b", "c"}, TypeError, r"must have an order.*, got a set; give sorted\(...\)"),
        (frozenset("abc"), TypeError, "got a frozenset"),
    ],
)
def test_what_is_no_classes_is_refused(
    train: Path, classes: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        open_source(train, classes=classes)


def test_the_same_classes_change_nothing(train: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "dali_mixup"):
        source = open_source(train)
        assert open_source(train, classes=source).fingerprint() == source.fingerprint()
    assert not caplog.records
    assert isinstance(source, FileList)


def test_names_that_share_a_label_are_known_wherever_they_were_joined(tmp_path: Path, train: Path) -> None:
    shared = {"a": 0, "b": 0, "c": 1}
    source = open_source(train, classes=shared)
    assert source.labels.tolist() == [0, 0, 0, 0, 1, 1]
    for given in (source, ConcatDataset([source, source]), ConcatDataset([ImageFolder(str(train))] * 2)):
        again = open_source(given, classes=shared)
        assert again.labels.tolist() == [0, 0, 0, 0, 1, 1] * (len(again) // 6)
        assert open_source(train, classes=again).labels.tolist() == source.labels.tolist()
    both = open_source(ConcatDataset([source, source]))
    assert both.class_to_idx == shared and open_source(train, classes=both).targets == source.targets
    # The name of a label that no class has is its number, which is no class.
    gap = open_source(train, classes={"a": 0, "b": 1, "c": 3})
    assert gap.classes == ("a", "b", "2", "c")
    with pytest.raises(ValueError, match="not in classes=: '2'"):
        open_source(tree(tmp_path / "val", "a2"), classes=gap)


def test_classes_with_repeated_names_can_be_stated_twice(train: Path) -> None:
    numbers = FileList([f"{i}.jpg" for i in range(3)], [0, 1, 2], root=train)
    named = open_source(numbers, classes=["crane", "dog", "crane"])
    assert open_source(named, classes=["crane", "dog", "crane"]).targets == [0, 1, 2]
    assert open_source(Subset(numbers, [2, 0]), classes=["crane", "dog", "crane"]).targets == [2, 0]


def test_unknown_names_are_looked_up_without_a_walk_through_all() -> None:
    """Tens of thousands of unknown classes took minutes."""

    class Counted(tuple):
        walks = 0

        def __iter__(self) -> Iterator[str]:
            Counted.walks += 1
            return super().__iter__()

    class CountedLabels(dict):
        walks = 0

        def values(self) -> Any:
            CountedLabels.walks += 1
            return super().values()

    shared = class_map({"a": 0, "b": 0, "c": 1})
    known = ClassMap(Counted(shared.names), CountedLabels(shared.labels))
    for _ in range(10):
        assert [known.label(name) for name in ("a, b", "c", "x", "y")] == [0, 1, None, None]
    assert Counted.walks <= 1 and CountedLabels.walks <= 1
