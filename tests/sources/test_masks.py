"""Images with masks: the forms in which they are given, and the class ids in the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dali_mixup import open_source, val_loader
from dali_mixup.sources import ImagesWithMasks, Masks, write_manifest
from tests.masks import class_map, make_pairs, picture_of
from tests.object_store import S3Server

COUNT = 6


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_pairs(tmp_path_factory.mktemp("pairs"), COUNT)


def pairs(folders: tuple[Path, Path]) -> list[tuple[str, str]]:
    images, masks = (sorted(folder.rglob("*.png")) for folder in folders)
    return list(zip(map(str, images), map(str, masks), strict=True))


def number(name: str) -> int:
    return int(Path(name).stem)


class TestForms:
    def check(self, source: Any) -> None:
        assert isinstance(source, ImagesWithMasks) and len(source) == COUNT
        assert [number(source.name(i)) for i in range(COUNT)] == [
            number(source.masks.name(i)) for i in range(COUNT)
        ]
        for i in range(COUNT):
            image, mask = source[i]
            seed = number(source.name(i))
            ids = class_map(*image.size[::-1], seed)
            np.testing.assert_array_equal(np.asarray(mask), ids)
            np.testing.assert_array_equal(np.asarray(image), np.asarray(picture_of(ids, seed)))

    def test_two_folders(self, folders: tuple[Path, Path]) -> None:
        source = open_source(folders[0], masks=folders[1])
        self.check(source)
        assert [source.key(i) for i in range(3)] == ["a/00.png", "a/02.png", "a/04.png"]
        assert source.num_classes == 256 and not source.classes_named

    def test_pairs(self, folders: tuple[Path, Path]) -> None:
        self.check(open_source(pairs(folders)))
        self.check(open_source([(Path(a), Path(b)) for a, b in pairs(folders)]))

    def test_pairs_below_a_root(self, folders: tuple[Path, Path]) -> None:
        root = folders[0].parent
        relative = [tuple(str(Path(path).relative_to(root)) for path in pair) for pair in pairs(folders)]
        self.check(open_source(relative, root=root))

    def test_a_list_of_masks_and_a_function(self, folders: tuple[Path, Path]) -> None:
        images, masks = zip(*pairs(folders), strict=True)
        self.check(open_source(list(images), masks=list(masks)))
        self.check(open_source(folders[0], masks=lambda key: folders[1] / key))
        self.check(open_source(open_source(folders[0]), masks=Masks(masks)))

    def test_objects_like_those_of_torchvision(
        self, folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
    ) -> None:
        from torchvision.datasets import VOCSegmentation

        images, masks = zip(*pairs(folders), strict=True)
        voc = VOCSegmentation.__new__(VOCSegmentation)  # its constructor wants the whole of Pascal VOC
        voc.images, voc.targets, voc.transforms = list(images), list(masks), lambda image, mask: (image, mask)
        self.check(open_source(voc))
        assert "the transforms of the VOCSegmentation is not used" in caplog.text

    def test_cityscapes(self, tmp_path: Path, folders: tuple[Path, Path]) -> None:
        from torchvision.datasets import Cityscapes

        for i, pair in enumerate(pairs(folders)):
            for place, path in zip(("leftImg8bit", "gtFine"), pair, strict=True):
                kind = {"leftImg8bit": "leftImg8bit", "gtFine": "gtFine_labelIds"}[place]
                file = tmp_path / place / "train" / "aachen" / f"aachen_{i:02}_{kind}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(Path(path).read_bytes())
        source = open_source(Cityscapes(str(tmp_path), split="train", target_type="semantic"))
        assert [source.key(i)[:9] for i in range(COUNT)] == [source.masks.key(i)[:9] for i in range(COUNT)]
        named = open_source(
            tmp_path / "leftImg8bit" / "train",
            masks=lambda key: f"{tmp_path}/gtFine/train/{key.replace('leftImg8bit', 'gtFine_labelIds')}",
        )
        assert [named.masks.name(i) for i in range(COUNT)] == sorted(
            source.masks.name(i) for i in range(COUNT)
        )

    def test_parts_and_several_in_a_row(self, folders: tuple[Path, Path]) -> None:
        from torch.utils.data import ConcatDataset, Subset

        whole = open_source(folders[0], masks=folders[1], classes=list("abcde"))
        for part in (whole.subset([4, 1]), open_source(Subset(whole, [4, 1]))):
            assert isinstance(part, ImagesWithMasks) and part.classes == tuple("abcde")
            assert [number(part.masks.name(i)) for i in (0, 1)] == [number(whole.name(i)) for i in (4, 1)]
        assert len(whole.exclude([whole.key(0)])) == COUNT - 1
        halves = [Subset(whole, range(2)), Subset(whole, range(2, COUNT))]
        self.check(open_source(ConcatDataset(halves)))
        with pytest.raises(ValueError, match="joined only with others whose masks"):
            open_source(ConcatDataset([whole, open_source(folders[0])]))

    def test_parts_in_a_row_have_the_same_classes(self, folders: tuple[Path, Path]) -> None:
        from torch.utils.data import ConcatDataset

        plain = open_source(folders[0], masks=folders[1])
        named, turned = plain.with_classes(list("abcde")), plain.with_classes(list("edcba"))
        for parts in ([named, turned], [plain, named], [named, plain], [named, named, turned]):
            with pytest.raises(
                ValueError, match=r"part 0 has .*, part \d .*; state them for all with classes="
            ):
                open_source(ConcatDataset(parts))
        assert not open_source(ConcatDataset([plain, plain])).classes_named
        assert open_source(ConcatDataset([named, named])).classes == tuple("abcde")
        stated = open_source(ConcatDataset([plain, named]), classes=list("abcde"))
        assert stated.classes == tuple("abcde") and stated.class_map == named.class_map

    def test_an_object_store(self, s3: S3Server, folders: tuple[Path, Path]) -> None:
        s3.make_bucket("pairs")
        for folder in folders:
            s3.put_folder("pairs", folder, f"{folder.name}/")
        source = open_source("s3://pairs/images", masks="s3://pairs/masks")
        self.check(source)
        assert source.fingerprint() == open_source(folders[0], masks=folders[1]).fingerprint()


class TestRefused:
    def test_other_names(self, folders: tuple[Path, Path], tmp_path: Path) -> None:
        Image.new("L", (4, 4)).save(tmp_path / "other.png")
        with pytest.raises(ValueError, match=r"expected 'a/00' .* which has 'other.png'; .*a function"):
            open_source(folders[0], masks=tmp_path)
        with pytest.raises(FileNotFoundError, match="nowhere"):
            open_source(folders[0], masks=tmp_path / "nowhere")

    def test_two_masks_for_one_image(self, folders: tuple[Path, Path], tmp_path: Path) -> None:
        for name in ("00.png", "00.tif"):
            Image.new("L", (4, 4)).save(tmp_path / name)
        with pytest.raises(ValueError, match="two masks for one image"):
            open_source(folders[0], masks=tmp_path)

    def test_another_number_of_masks(self, folders: tuple[Path, Path]) -> None:
        with pytest.raises(ValueError, match="6 images and masks= of 1 paths"):
            open_source(folders[0], masks=["a.png"])

    def test_a_list_with_something_else_in_it(self, folders: tuple[Path, Path]) -> None:
        with pytest.raises(
            TypeError, match=r"entry 6 must be a pair \(image path, mask path\), got \('a.jpg', 3\)"
        ):
            open_source([*pairs(folders), ("a.jpg", 3)])

    def test_masks_for_data_that_have_some(self, folders: tuple[Path, Path]) -> None:
        with pytest.raises(ValueError, match="have masks already"):
            open_source(pairs(folders), masks=folders[1])

    def test_options(self) -> None:
        for wrong, named in (
            ({"files": 3}, "files=3"),
            ({"files": "a", "ignore_index": 256}, "ignore_index=256"),
            ({"files": "a", "ids": [1]}, r"ids=\[1\]"),
            ({"files": "a", "ids": {70000: 1}}, "70000"),
            ({"files": "a", "ids": {7: 300}}, "the class id of 7 in ids=300"),
        ):
            with pytest.raises((TypeError, ValueError), match=f"^Masks: .*{named}"):
                Masks(**wrong)

    def test_a_manifest_would_lose_the_masks(self, folders: tuple[Path, Path], tmp_path: Path) -> None:
        with pytest.raises(TypeError, match="one label each"):
            write_manifest(tmp_path / "a.jsonl", open_source(pairs(folders)))


def test_ids_of_classes_that_do_not_exist_are_refused(folders: tuple[Path, Path]) -> None:
    images, masks = (list(paths) for paths in zip(*pairs(folders), strict=True))
    stored = Masks(masks, ids={0: 0, 1: 7, 2: 255})
    with pytest.raises(ValueError, match=r"ids maps 1 to class 7, but there are 2 classes"):
        open_source(images, masks=stored, classes=["a", "b"])
    unnamed = open_source(images, masks=stored)
    with pytest.raises(ValueError, match=r"ids maps 1 to class 7, but there are 5 classes"):
        val_loader(unnamed, batch_size=1, image_size=32, num_classes=5, device="cpu")
    assert open_source(images, masks=stored, classes=list("abcdefgh")).num_classes == 8


def test_a_folder_of_images_and_masks_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.jpg")
        Image.new("L", (8, 8)).save(tmp_path / f"{name}.png")
    with pytest.raises(ValueError, match=r"holds images and masks: 'a\.png' would be its own mask"):
        open_source(tmp_path, masks=tmp_path)
    images = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    assert len(open_source(images, masks=[path.with_suffix(".png") for path in images])) == 2


def test_missing_masks_are_remarked(
    folders: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, masks = make_pairs(tmp_path, COUNT)
    (masks / "b" / "03.png").unlink()
    source = open_source(folders[0], masks=masks)
    assert "1 of 6 images have no mask" in caplog.text and "'b/03.png'" in caplog.text
    assert source.remarks[0].unfit and source.masks.key(4) == "b/03.png"


def test_the_identity_depends_on_masks_and_options(folders: tuple[Path, Path]) -> None:
    images, masks = zip(*pairs(folders), strict=True)
    sources = [
        open_source(folders[0]),
        open_source(list(images), masks=list(masks)),
        open_source(list(images), masks=list(masks[::-1])),
        open_source(list(images), masks=Masks(list(masks), ignore_index=0)),
        open_source(list(images), masks=Masks(list(masks), ids={1: 2})),
    ]
    assert len({source.fingerprint() for source in sources}) == len(sources)
