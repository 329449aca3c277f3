from __future__ import annotations

import os
from pathlib import Path

import pytest
from torchvision.datasets import ImageFolder

from dali_mixup.sources import FileList, image_folder, open_source


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"not looked at")
    return root


@pytest.fixture
def awkward(tmp_path: Path) -> Path:
    """Folders whose sorting, nesting, case and names have each been got wrong by some loader."""
    return touch(
        tmp_path / "data",
        "class2/1.jpg",
        "class10/10.jpg",
        "class10/9.jpg",
        "Upper/x.JPEG",
        "Upper/X.PnG",
        "deep/z.jpg",
        "deep/a/b/c.jpg",
        "deep/a b/c.jpg",
        "deep/a-b/c.webp",
        "space in name/two  blanks.bmp",
        "ünïcødé/日本語.tif",
        "long/" + "n" * 196 + ".jpg",
        "mixed/notes.txt",
        "mixed/archive.tar.gz",
        "mixed/.hidden.jpg",
        "mixed/jpg",
        "mixed/ok.ppm",
        "stray.jpg",
        "deep/line\nbreak.jpg",
    )


def assert_like_torchvision(source: FileList, root: Path) -> None:
    oracle = ImageFolder(str(root))
    assert [source.name(i) for i in range(len(source))] == [path for path, _ in oracle.samples]
    assert source.labels.tolist() == oracle.targets
    assert source.classes == tuple(oracle.classes)
    assert {name: label for label, name in enumerate(source.classes)} == oracle.class_to_idx


def test_classes_labels_and_order_are_torchvisions(awkward: Path) -> None:
    assert_like_torchvision(image_folder(awkward), awkward)
    assert len(image_folder(awkward)) == 15


def test_links_are_followed_even_dangling_ones_as_in_torchvision(awkward: Path) -> None:
    touch(awkward.parent, "elsewhere/l1.jpg", "elsewhere/sub/l2.jpg")
    (awkward / "linked").symlink_to(awkward.parent / "elsewhere")
    (awkward / "class2" / "inner").symlink_to(awkward.parent / "elsewhere")
    (awkward / "class2" / "dangling.jpg").symlink_to(awkward / "nowhere")
    assert_like_torchvision(image_folder(awkward), awkward)


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.jpg")
    os.close(os.open(os.fsencode(tmp_path) + b"/a/\xff\xfe.jpg", os.O_CREAT))
    source = image_folder(tmp_path)
    assert_like_torchvision(source, tmp_path)
    assert source.feed(range(2))[1].tobytes() == os.fsencode(tmp_path) + b"/a/\xff\xfe.jpg"  # type: ignore[arg-type]


def test_an_empty_class_folder_is_named_or_keeps_its_label(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/readme.txt", "c/1.jpg")
    with pytest.raises(
        ValueError, match=r"1 of 3 class folders .*\['b'\]\. Remove these folders; in Python,"
    ):
        image_folder(tmp_path)
    source = image_folder(tmp_path, allow_empty=True)
    oracle = ImageFolder(str(tmp_path), allow_empty=True)
    assert source.labels.tolist() == oracle.targets == [0, 2]
    assert source.classes == tuple(oracle.classes)


def test_extensions_can_be_chosen(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "a/2.GIF")
    assert [image_folder(tmp_path, extensions=[".gif"]).key(0)] == ["a/2.GIF"]
    for bad in (".gif", [], [3]):
        with pytest.raises(TypeError, match="extensions must be a list"):
            image_folder(tmp_path, extensions=bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "holds no class folders"),
        (["flat.jpg"], "holds no class folders"),
        (["a/notes.txt"], "no image with"),
    ],
)
def test_a_folder_without_images_in_class_folders_is_refused(
    tmp_path: Path, names: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        image_folder(touch(tmp_path, *names))


def test_a_folders_name_is_quoted_wherever_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a\nb").mkdir()
    with pytest.raises(ValueError, match="no class folders") as raised:
        image_folder(tmp_path / "a\nb")
    assert "\n" not in str(raised.value)


def test_no_folder_at_all_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        image_folder(tmp_path / "missing")
    with pytest.raises(NotADirectoryError, match="not a folder"):
        image_folder(tmp_path / "file")


def test_a_link_to_its_own_parent_is_refused(awkward: Path) -> None:
    (awkward / "deep" / "loop").symlink_to(awkward / "deep")
    with pytest.raises(ValueError, match=r"loop.* links to a folder that contains it"):
        image_folder(awkward)


def test_paths_do_not_depend_on_the_working_directory(awkward: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(awkward.parent)
    source = open_source("data")
    monkeypatch.chdir("/")
    assert os.path.exists(source.name(0))
