"""The layout of files: a folder per class, as torchvision reads it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from dali_mixup import open_source
from dali_mixup.pack import PackingError, verify
from dali_mixup.pack.images import ENDINGS, PackedImage
from dali_mixup.pack.writers import Job, writer
from dali_mixup.sources import FileList
from tests.odd_images import picture
from tests.pack.conftest import bytes_of, run

Packed = Callable[..., Path]


def test_torchvision_reads_it(image_folder: Path, packed: Packed) -> None:
    folder = packed(layout="files", shorter_side=64)
    original, copy = ImageFolder(image_folder), ImageFolder(folder)
    assert copy.class_to_idx == original.class_to_idx and copy.targets == original.targets
    assert [Path(path).name for path, _ in copy.samples] == [Path(path).name for path, _ in original.samples]
    assert {min(image.size) for image, _ in copy} == {64}


def test_what_torchvision_leaves_out_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("c/1.jp2", "c/2.JP2", "c/3.png", "c/4.jpg"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        picture(20, 20).save(tmp_path / "data" / name, "JPEG2000" if "jp2" in name.lower() else None)
    run(tmp_path / "data", tmp_path / "shards")
    assert "ImageFolder" not in caplog.text
    run(tmp_path / "data", tmp_path / "packed", layout="files")
    assert len(ImageFolder(tmp_path / "packed").samples) == 2 and len(open_source(tmp_path / "packed")) == 4
    (said,) = [line for line in caplog.messages if "ImageFolder" in line]
    assert "skips JPEG 2000 files (.jp2): up to 2 of these images, such as 'c/1.jp2'" in said


def test_so_do_the_loaders_sources(image_folder: Path, packed: Packed) -> None:
    folder = packed(layout="files")
    original, copy = open_source(image_folder), open_source(folder)
    assert copy.read_in_dali and copy.fingerprint() == original.fingerprint()
    assert {name: content for name, content in bytes_of(folder).items() if name != "pack.jsonl"} == bytes_of(
        image_folder
    )


def test_a_replaced_format_gets_its_extension(tmp_path: Path) -> None:
    for name, size in (("big.png", 40), ("small.png", 20), ("big.jpg", 40), ("named.JPEG", 20)):
        (tmp_path / "data" / "c").mkdir(parents=True, exist_ok=True)
        memory = io.BytesIO()
        picture(size, size).save(memory, "JPEG" if name == "big.jpg" else "PNG")
        (tmp_path / "data" / "c" / name).write_bytes(memory.getvalue())
    run(tmp_path / "data", tmp_path / "packed", layout="files", shorter_side=30)
    names = sorted(path.name for path in (tmp_path / "packed" / "c").iterdir())
    assert names == ["big.jpg", "big.png.jpg", "named.JPEG", "small.png"]
    assert Image.open(tmp_path / "packed" / "c" / "big.png.jpg").format == "JPEG"


def test_images_without_class_folders_get_some(image_folder: Path, tmp_path: Path) -> None:
    source = open_source(image_folder)
    flat = FileList(
        [source.key(i).rpartition("/")[2] for i in range(6)], [0] * 6, ["x"], root=image_folder / "n01440764"
    )
    run(flat, tmp_path / "packed", layout="files")
    assert len(list((tmp_path / "packed" / "x").iterdir())) == 6


@pytest.mark.parametrize(
    ("names", "classes", "words"),
    [
        (["a.jpg"], ["x/y"], "the class 'x/y' cannot be a folder"),
        (["a.jpg"], [".."], "cannot be a folder"),
        (["a.jpg"], ["crane", "crane"], "the same name"),
        (["a.jpg", "a.jpg"], ["x"], "comes twice"),
        (["a.png", "a.png.jpg"], ["x"], "could become one file"),
        *((["a", f"a.{ending}"], ["x"], "could become one file") for ending in ENDINGS.values()),
        (["a.gif", "a.gif.png"], ["x"], "could become one file"),
        (["a", "a.webp/b.jpg"], ["x"], "'x/a.webp', where other images need a folder"),
        (["a.JPG/b.jpg", "a.JPG"], ["x"], "need a folder of this name"),
        (["a.jpg"], [".pack"], "the class '.pack' cannot be a folder"),
        (["a.jpg"], ["pack.jsonl"], "the class 'pack.jsonl' cannot be a folder"),
    ],
)
def test_names_that_cannot_be_files_are_refused_before_the_work(
    names: list[str], classes: list[str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=words):
        run(
            FileList(names, np.zeros(len(names), int), classes, root=tmp_path),
            tmp_path / "packed",
            layout="files",
        )
    assert not (tmp_path / "packed").exists()


@pytest.mark.parametrize("other", ["a.jpeg", "A.png", "a.b.png", "a/b.png", "a.gif"])
def test_names_that_can_be_files_beside_each_other_are_packed(tmp_path: Path, other: str) -> None:
    names = ["a", other]
    for name in names:
        path = (
            tmp_path / "data" / ("b" if name == "a/b.png" else "") / name
        )  # a file and a folder need two places
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(9, 9).save(path, "PNG")
    files = [str(path) for path in (tmp_path / "data").rglob("*") if path.is_file()]
    run([(file, 0) for file in files], tmp_path / "packed", layout="files")
    assert len(list((tmp_path / "packed" / "0").rglob("*.*"))) == 2 and verify(tmp_path / "packed") == []


def test_a_file_of_the_same_run_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / ".pack").mkdir()
    image = PackedImage(b"1", "png", 1, 1, kept=True)
    with writer(Job(str(tmp_path), 0, "files")) as out:
        out.add("c/a", 0, "c", 0, image)
        with pytest.raises(PackingError, match=r"'c/a.png' would replace the file 'c/a.png'"):
            out.add("c/a.png", 0, "c", 1, PackedImage(b"2", "png", 1, 1, kept=True))
    assert (tmp_path / "c" / "a.png").read_bytes() == b"1"


def test_a_run_that_was_killed_leaves_nothing_among_the_images(image_folder: Path, packed: Packed) -> None:
    """Half a file, as a killed run leaves it, lies in the folder that goes at the end."""
    folder = packed(layout="files")
    assert sorted(path.name for path in folder.iterdir()) == [
        *sorted(open_source(image_folder).classes),
        "pack.jsonl",
    ]


def test_labels_that_torchvision_would_not_give_are_said(
    image_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = [path for path, _ in ImageFolder(image_folder).samples[:12]]
    run(list(zip(images, range(12), strict=True)), tmp_path / "numbers", layout="files")
    assert "such as '2', 2" in caplog.text

    def label_of(samples: list[tuple[str, int]]) -> dict[str, int]:
        return {Path(path).name: label for path, label in samples}

    original = label_of(list(zip(images, range(12), strict=True)))
    assert label_of(open_source(tmp_path / "numbers").samples) == original
    assert label_of(ImageFolder(tmp_path / "numbers").samples) != original
    caplog.clear()
    run(list(zip(images, [0, 2, 3] * 4, strict=True)), tmp_path / "gap", layout="files")
    assert "such as '1', 1" in caplog.text
    caplog.clear()
    run(list(zip(images, [0, 1, 2] * 4, strict=True)), tmp_path / "sorted", layout="files")
    run(list(zip(images, [0, 2, 3] * 4, strict=True)), tmp_path / "shards")
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
