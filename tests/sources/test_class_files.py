"""Files of class names, and the orders of class names."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timm.data.readers.class_map import load_class_map
from timm.data.readers.reader_image_folder import ReaderImageFolder
from timm.utils.misc import natural_key
from torchvision.datasets import ImageFolder

from dali_mixup.sources import open_source
from dali_mixup.sources.class_order import ordered

NAMES = ["class10", "class2", "Class3", "x"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        for image in range(number + 1):
            (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / name / f"{image}.jpg").touch()
    return tmp_path / "data"


def by_name(samples: list[tuple[str, int]]) -> dict[str, int]:
    return {Path(path).parent.name: label for path, label in samples}


def test_the_order_of_classes_is_torchvisions_or_timms(folder: Path) -> None:
    assert by_name(open_source(folder).samples) == by_name(ImageFolder(str(folder), allow_empty=True).samples)
    assert by_name(open_source(folder, class_order="sorted").samples) == by_name(open_source(folder).samples)
    natural = open_source(folder, class_order="natural")
    assert by_name(natural.samples) == by_name(ReaderImageFolder(str(folder)).samples)
    assert natural.classes == ("class2", "Class3", "class10", "x")


@given(
    st.lists(
        st.text(st.sampled_from("aB10é_-"), min_size=1, max_size=6),
        unique_by=lambda name: str(natural_key(name)),
    )
)
def test_natural_order_is_timms(names: list[str]) -> None:
    assert ordered(names, "natural") == sorted(names, key=natural_key)


def test_an_order_is_for_names(folder: Path) -> None:
    with pytest.raises(ValueError, match="the FileList has numbers as labels and no names"):
        open_source([("a.jpg", 0)], class_order="natural")
    with pytest.raises(TypeError, match="classes= has an order already"):
        open_source(folder, class_order="natural", classes=NAMES)
    with pytest.raises(ValueError, match="class_order='timm', expected one of"):
        open_source(folder, class_order="timm")


def test_a_class_map_is_timms(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "map.txt"
    for text in ("x\nclass2\nclass10\nClass3\n", "\ufeffx\r\nclass2\r\nclass10 \r\nClass3\r\n\r\n"):
        file.write_bytes(text.encode())
        source = open_source(folder, classes=file)
        assert source.classes == ("x", "class2", "class10", "Class3")
    file.write_text("x\nclass2\nclass10\nClass3\n")
    assert source.class_to_idx == load_class_map(str(file))
    theirs = by_name(ReaderImageFolder(str(folder), class_map=str(file)).samples)
    assert by_name(open_source(folder, classes=str(file)).samples) == theirs


def test_json(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    file.write_text('["x", "class2", "class10", "Class3"]')
    assert open_source(folder, classes=file).classes == ("x", "class2", "class10", "Class3")
    file.write_text('{"x": 5, "class2": 0, "class10": 1, "Class3": 0}')
    source = open_source(folder, classes=file)
    assert source.class_to_idx == {"x": 5, "class2": 0, "class10": 1, "Class3": 0} and source.num_classes == 6


def test_the_loaders_take_the_file(image_folder: Path, tmp_path: Path) -> None:
    from dali_mixup import val_loader

    names = sorted((path.name for path in image_folder.iterdir()), reverse=True)
    (tmp_path / "c.txt").write_text("\n".join(names))
    loader = val_loader(image_folder, batch_size=4, image_size=8, device="cpu", classes=tmp_path / "c.txt")
    assert list(loader.dataset.classes) == names


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.pkl", pickle.dumps({"a": 0}), r"reading a pickle can run code: save it as JSON, json\.dump"),
        ("c.csv", b"a", r"expected a \.txt or \.json file"),
        (
            "c.txt",
            b"a\n\nb\n",
            r"c\.txt, line 2: expected a class name, got an empty line, which would take a label",
        ),
        ("c.txt", b"", "at least one name"),
        ("c.json", b"{", r"c\.json' cannot be read as JSON"),
        ("c.json", b"[" * 100_000, r"c\.json' cannot be read as JSON"),
        ("c.json", b'{"0": ["n01440764", "tench"]}', r'expected a list of names or \{"name": label\}'),
        ("c.json", b"[1, 2]", "expected a list of names"),
        ("c.json", b'{"a": true}', "expected a list of names"),
        ("c.json", b"\xff\xfe", r"cannot be read as JSON"),
    ],
)
def test_other_files_are_refused(
    folder: Path, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        open_source(folder, classes=tmp_path / name)


def test_a_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.txt"):
        open_source(folder, classes="no.txt")


@pytest.mark.parametrize("second", [2, 0])
def test_a_name_twice_in_a_mapping_is_refused(tmp_path: Path, folder: Path, second: int) -> None:
    """json keeps the last one in silence."""
    file = tmp_path / "map.json"
    file.write_text(f'{{"cat": 0, "dog": 1, "cat": {second}}}')
    with pytest.raises(
        ValueError, match=rf"map\.json': the name 'cat' has the labels \[0, {second}\]; expected every"
    ):
        open_source(folder, classes=file)


@pytest.mark.parametrize("content", ["[[1, 2]]", '{"cat": {"a": 1}}', "[{}]", '{"cat": true}', "3", "null"])
def test_other_json_is_no_class_map(tmp_path: Path, folder: Path, content: str) -> None:
    (tmp_path / "map.json").write_text(content)
    with pytest.raises(ValueError, match=r"map\.json': expected a list of names or "):
        open_source(folder, classes=tmp_path / "map.json")


def test_an_empty_mapping_has_no_name(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "map.json").write_text("{}")
    with pytest.raises(ValueError, match="at least one name"):
        open_source(folder, classes=tmp_path / "map.json")
