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
from dali_mixup.methods import (
    RICAP,
    ClassMix,
    DCutMix,
    FMix,
    GMix,
    GridMix,
    Mosaic,
    ResizeMix,
    StackMix,
    TokenMix,
    VHMixUp,
)
from tests.masks import CLASSES, COLOURS, COUNT, IGNORED, PLAIN, SIZE, make_pairs, paired_loader

HARD = (
    CutMix(),
    DCutMix(),
    ResizeMix(),
    StackMix(),
    RICAP(),
    Mosaic(),
    FMix(),
    GridMix(),
    TokenMix(),
    ClassMix(),
)
SOFT = (MixUp(), GMix(), VHMixUp(), FMix(max_soft=0.3))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_pairs(tmp_path_factory.mktemp("pairs"), COUNT)


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


class TestMixing:
    """Maps are mixed exactly like pixels: the reference places every pixel by itself."""

    @staticmethod
    def mixed(plan: Any, maps: np.ndarray, row: int) -> np.ndarray:
        """One row of the soft maps (H, W, CLASSES) by the plan's definition."""
        onehot = (maps[..., None] == np.arange(CLASSES)).astype(np.float64)
        form, partners = plan.form[row], plan.partners[row]
        own = onehot[row].copy()
        if form == 1:
            return sum(w * onehot[p] for w, p in zip(plan.weights[row], partners, strict=True))
        if form == 2:
            for column, sy, sx, ty, tx, h, w in plan.regions[row]:
                own[ty : ty + h, tx : tx + w] = onehot[partners[column], sy : sy + h, sx : sx + w]
        if form == 3:
            for column, y, x, h, w in plan.insets[row].tolist():
                mask = tv_tensors.Mask(torch.from_numpy(maps[partners[column]][None]))
                small = F.resize(mask, [h, w])[0].numpy()
                own[y : y + h, x : x + w] = small[..., None] == np.arange(CLASSES)
        if form in (4, 5):
            share = np.asarray(plan.mask(row), np.float64)[..., None]
            own = share * own + (1 - share) * onehot[partners[1]]
        return own

    @pytest.mark.parametrize("method", HARD, ids=lambda method: method.name)
    @pytest.mark.parametrize("granularity", ["batch", "sample"])
    def test_methods_that_copy_pixels(
        self, folders: tuple[Path, Path], method: Any, granularity: Any
    ) -> None:
        policy = MixPolicy(method, granularity=granularity)
        made = paired_loader(folders, policy=policy, handover=HandOver())
        changed = 0
        for _, maps, record in made:
            assert maps.shape == (4, SIZE, SIZE) and maps.dtype == torch.int64
            for row in range(4):
                soft = self.mixed(made.last_batch.plan, record.maps.numpy().astype(np.uint8), row)
                expected = np.where(soft.sum(-1) == 0, IGNORED, soft.argmax(-1))
                np.testing.assert_array_equal(maps[row].numpy(), expected)
            changed += int((maps != record.maps).any())
        assert changed

    @pytest.mark.parametrize("method", [*HARD, *SOFT], ids=lambda method: method.name)
    def test_soft_targets(self, folders: tuple[Path, Path], method: Any) -> None:
        policy = MixPolicy([method, CutMix()], granularity="sample")
        made = paired_loader(folders, policy=policy, handover=HandOver(), targets="dense")
        for _, soft, record in made:
            assert soft.shape == (4, CLASSES, SIZE, SIZE) and soft.dtype == torch.float32
            for row in range(4):
                expected = self.mixed(made.last_batch.plan, record.maps.numpy().astype(np.uint8), row)
                np.testing.assert_allclose(soft[row].permute(1, 2, 0).numpy(), expected, atol=1e-6)

    def test_the_form_follows_the_policy(self, folders: tuple[Path, Path]) -> None:
        for policy, form in ((None, "labels"), (CutMix(), "labels"), ([CutMix(), MixUp()], "dense")):
            assert paired_loader(folders, policy=policy).spec.targets == form

    def test_smoothing(self, folders: tuple[Path, Path]) -> None:
        policy = MixPolicy(CutMix(), label_smoothing=0.1)
        hard = next(iter(paired_loader(folders, policy=CutMix())))[1]
        soft = next(iter(paired_loader(folders, policy=policy, targets="dense")))[1]
        loss = torch.nn.functional.cross_entropy
        scores = torch.randn(4, CLASSES, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
        theirs = loss(scores, hard, ignore_index=IGNORED, label_smoothing=0.1, reduction="sum")
        torch.testing.assert_close(loss(scores, soft, reduction="sum"), theirs)

    def test_classmix_pastes_half_of_the_partners_classes(self, folders: tuple[Path, Path]) -> None:
        made = paired_loader(folders, policy=MixPolicy(ClassMix(), granularity="sample"), handover=HandOver())
        pasted = 0
        for _, _, record in made:
            for row in np.flatnonzero(made.last_batch.plan.mixed):
                partner = record.maps[record.partners[row, 1]].numpy()
                own = made.last_batch.plan.mask(row) == 1
                present, shown = set(partner.ravel()) - {IGNORED}, set(partner[~own])
                assert len(shown) == len(present) // 2 and not shown & set(partner[own])
                assert record.weights[row, 0] == np.float32(own.mean())
                pasted += len(shown)
        assert pasted > 10

    def test_pixels_and_maps_are_mixed_together(self, folders: tuple[Path, Path]) -> None:
        colours = torch.from_numpy(COLOURS.astype(np.float32))
        policy = MixPolicy([CutMix(), FMix(), ResizeMix()], granularity="sample")
        for images, maps in paired_loader(folders, policy=policy):
            far = (images.permute(0, 2, 3, 1)[:, :, :, None] - colours).square().sum(-1)
            known = maps != IGNORED
            assert (far.argmin(-1) == maps)[known].float().mean() > 0.9, "apart from the edges of discs"


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
