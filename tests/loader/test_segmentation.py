"""Images with masks in the loaders: the same geometry, and the same mixing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from dali_mixup import (
    ClassGroups,
    CorruptLabels,
    CutMix,
    HandOver,
    MixPolicy,
    MixUp,
    OtherClass,
    Remix,
    Runtime,
    TrainTransform,
    View,
    open_source,
    train_loader,
    val_loader,
)
from dali_mixup.methods import ClassMix
from tests.masks import CLASSES, COLOURS, COUNT, IGNORED, PLAIN, paired_loader


@pytest.mark.parametrize("roi", [True, False])
@pytest.mark.parametrize("kernels", ["numba", "dali"])
def test_a_window_is_torchvisions_of_image_and_mask(
    folders: tuple[Path, Path], roi: bool, kernels: str
) -> None:
    made = paired_loader(
        folders,
        transform=TrainTransform((28, 36)),
        runtime=Runtime(num_threads=1, roi_decoding=roi, cpu_kernels=kernels),
    )
    # The weights of DALI's own filter differ; with images apart by a pixel it would be 100.
    furthest = 1 if kernels == "numba" else 20
    apart = []
    for images, maps in made:
        last = made.last_batch
        sizes = [made.dataset[int(index)][0].size[::-1] for index in last.indices]
        address = {"seed": 5, "rank": 0, "epoch": last.epoch, "step": last.step}
        _, windows = TrainTransform((28, 36)).maps([None] * 4, np.array(sizes), 0, **address)
        for i, index in enumerate(last.indices.tolist()):
            image, mask = made.dataset[index]
            box = *windows.start[i], *windows.shape[i]
            pair = F.pil_to_tensor(image), tv_tensors.Mask(F.pil_to_tensor(mask))
            image, mask = (F.resized_crop(each, *map(int, box), [28, 36], antialias=True) for each in pair)
            if windows.flipped[i]:
                image, mask = F.horizontal_flip(image), F.horizontal_flip(mask)
            assert torch.equal(maps[i], mask[0].long())
            apart.append((images[i] - image).abs().max().item())
    assert len(apart) == COUNT and max(apart) <= furthest


@pytest.mark.parametrize(
    "transform",
    [
        {"scale": (0.2, 1.0)},
        {"crop": "padded", "padding": 6},
        {"auto_augment": "rand-m9-n3-mstd0.5", "fill": (0, 0, 0)},
        {"color_jitter": 0.1, "hflip": 1.0},
        {"vflip": 0.5},
        {"crop": "rkrc", "ratio": (0.5, 2.0)},
        {"crop": "rkrr", "vflip": 0.5},
        {"crop": "padded", "hflip": 0.0, "vflip": 1.0},
    ],
    ids=lambda given: next(iter(given)),
)
def test_pictures_show_what_the_maps_say(folders: tuple[Path, Path], transform: dict[str, Any]) -> None:
    """Where all pixels around one have its class, the picture has the colour of the class; what comes from outside is
    black, and ignored. A flip, a window or a rotation of only one of the two would show everywhere."""
    colours = torch.from_numpy(COLOURS.astype(np.float32))
    made = paired_loader(folders, transform=TrainTransform(48, **transform))
    seen = agreeing = 0
    for images, maps in made:
        inner = torch.nn.functional.max_pool2d
        around = maps[:, None].float()
        flat = (inner(around, 5, 1, 2) == -inner(-around, 5, 1, 2))[:, 0] & (maps != IGNORED)
        far = (images.permute(0, 2, 3, 1)[:, :, :, None] - colours).square().sum(-1)
        seen += int(flat.sum())
        agreeing += int((far.argmin(-1) == maps)[flat].sum())
    assert seen > 4000
    # RandAugment inverts and solarises, after which colours tell nothing; half of its operations are geometric.
    assert agreeing / seen > (0.6 if "auto_augment" in transform else 0.99)


@pytest.mark.parametrize("crop", ["resized", "padded"])
def test_each_view_has_maps_of_its_own(folders: tuple[Path, Path], crop: str) -> None:
    first = TrainTransform(48, crop=crop)  # type: ignore[arg-type]
    moved = TrainTransform(48, crop=crop, auto_augment="rand-m9-n3-mstd0.5", fill=(0, 0, 0))  # type: ignore[arg-type]
    views = [View(first), View(first, count=2), View(first, policy=CutMix()), View(moved, window="shared")]
    if crop == "resized":
        views.append(View(first, 24, window="shared"))
    colours = torch.from_numpy(COLOURS.astype(np.float32))
    for images, maps, record in paired_loader(
        folders, transform=None, image_size=None, views=views, handover=HandOver()
    ):
        for view, ids in list(zip(images, maps, strict=True))[:4]:
            far = (view.permute(0, 2, 3, 1)[:, :, :, None] - colours).square().sum(-1)
            known = ids != IGNORED
            assert (far.argmin(-1) == ids)[known].float().mean() > 0.9  # but for blended edges
        assert torch.equal(maps[0], record.maps[0]) and not torch.equal(maps[3], record.maps[3])
        assert not torch.equal(maps[0], maps[1]) and not torch.equal(maps[1], maps[2])
        if crop == "resized":
            assert (maps[5] == maps[0][:, ::2, ::2]).float().mean() > 0.9


def test_geometry_alone_in_auto_augment(folders: tuple[Path, Path]) -> None:
    """As above, with operations that change no colour."""
    from dali_mixup.augment import Chance

    class Moving(TrainTransform):
        @property
        def stages(self):  # type: ignore[no-untyped-def]
            return (
                Chance("Rotate", 0.8, -40, 40),
                Chance("ShearX", 0.8, -0.4, 0.4),
                Chance("TranslateY", 0.8, -9, 9),
            )

    colours = torch.from_numpy(COLOURS.astype(np.float32))
    ignored = 0
    for images, maps in paired_loader(folders, transform=Moving(48, fill=(0, 0, 0), hflip=0.5)):
        inner = torch.nn.functional.max_pool2d
        around = maps[:, None].float()
        flat = (inner(around, 5, 1, 2) == -inner(-around, 5, 1, 2))[:, 0]
        far = (images.permute(0, 2, 3, 1)[:, :, :, None] - colours).square().sum(-1)
        known = flat & (maps != IGNORED)
        assert (far.argmin(-1) == maps)[known].float().mean() > 0.995
        outside = flat & (maps == IGNORED)
        assert (images.amax(1)[outside] == 0).float().mean() > 0.9, (
            "black from outside, or noise at discs' edges"
        )
        ignored += int(outside.sum())
    assert ignored > 1000


def test_validation_maps_are_torchvisions(folders: tuple[Path, Path]) -> None:
    source = open_source(folders[0], masks=folders[1], classes=["sky", "a", "b", "c", "d"])
    made = val_loader(source, batch_size=5, image_size=(40, 24), device="cpu", output=PLAIN)
    assert made.num_classes == CLASSES and made.classes[0] == "sky"
    row = 0
    for images, maps in made:
        assert images.shape[1:] == (3, 40, 24) and maps.dtype == torch.int64 and len(images) == len(maps)
        for mine, own in zip(maps, images, strict=True):
            image, mask = source[row]
            pair = F.pil_to_tensor(image), tv_tensors.Mask(F.pil_to_tensor(mask))
            image, mask = (F.center_crop(F.resize(each, [46], antialias=True), [40, 24]) for each in pair)
            assert torch.equal(mine, mask[0].long()) and (own - image).abs().max() <= 1
            row += 1
    assert row == COUNT


class TestRefused:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"targets": "labels", "policy": MixUp()}, "mixup, which average pixels.*targets='dense'"),
            ({"targets": "compact"}, "targets='compact' is for one label per image"),
            ({"targets": "soft"}, "targets='soft', expected one of 'labels', 'dense'"),
            (
                {"targets": "dense", "num_classes": None},
                "targets='dense' has one channel per class; give num_classes",
            ),
            ({"num_classes": 257}, "num_classes=257; masks have 8 bits"),
            (
                {"policy": MixPolicy(CutMix(), label_smoothing=0.1)},
                "label_smoothing=0.1, which class ids cannot hold",
            ),
            ({"policy": MixPolicy(CutMix(), partners=OtherClass())}, "depend on the class of an image"),
            ({"policy": MixPolicy(CutMix(), remix=Remix([3, 4]))}, "depend on the class of an image"),
            (
                {"policy": ClassMix(ignore_index=0)},
                r"ClassMix\(ignore_index=0\), but the masks have ignore_index=255",
            ),
            (
                {"policy": MixUp(extrapolate=0.5, extrapolate_labels=True)},
                "extrapolate_labels=True.* gives labels negative weights",
            ),
            (
                {"policy": MixPolicy(CutMix(), label_mixing="union")},
                "label_mixing='union' needs one label per image",
            ),
            ({"order": ClassGroups(2)}, r"order=ClassGroups\(...\) needs one label per image"),
            ({"labels": CorruptLabels(0.5)}, "labels= needs one label per image"),
        ],
    )
    def test_what_needs_one_label_per_image(
        self, folders: tuple[Path, Path], given: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(ValueError, match=f"^train_loader: .*{said}"):
            paired_loader(folders, **given)

    def test_classmix_without_masks(self, image_folder: Path) -> None:
        with pytest.raises(
            ValueError, match="classmix needs the class of every pixel; give images with masks"
        ):
            train_loader(image_folder, policy=[CutMix(), ClassMix()], batch_size=4, device="cpu")

    def test_fewer_classes_than_names(self, folders: tuple[Path, Path]) -> None:
        source = open_source(folders[0], masks=folders[1], classes=list("abcdef"))
        with pytest.raises(ValueError, match="num_classes=5, but the data have 6 classes"):
            paired_loader(folders, data=source)


def test_an_unknown_number_of_classes_is_logged(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="dali_mixup"):
        made = paired_loader(folders, num_classes=None)
    assert "num_classes=256, all that a mask can hold" in caplog.text and made.num_classes == 256
