"""Several images of each sample from one decode: which samples they show, what is drawn for each and what is shared.

Most data are one-colour images, so a pixel tells which samples went into it and with what weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import (
    CutMix,
    HandOver,
    MixedTargets,
    MixPolicy,
    MixUp,
    Neighbours,
    Output,
    TrainTransform,
    Unlabelled,
    View,
)
from dali_mixup.augment import SizeSchedule
from tests.loader.pictures import KERNELS, WHOLE, Files, corners, loader, red


class TestWhatIsHandedOut:
    @KERNELS
    def test_every_view_shows_the_same_samples_in_its_own_size_type_and_normalisation(
        self, files: Any, kernels: str
    ) -> None:
        views = [
            View(WHOLE, count=2),
            View(WHOLE, (8, 12), count=3, output=Output(mean=10, std=2, dtype="float16", channels_last=True)),
            View(WHOLE, 20, output=Output(mean=0, std=1, dtype="bfloat16")),
        ]
        made = loader(files[0], views, kernels, handover=HandOver())
        seen = []
        for images, labels, record in made:
            own = 20.0 * record.sample_ids.double()
            assert [tuple(view.shape[2:]) for view in images] == [(16, 16)] * 2 + [(8, 12)] * 3 + [(20, 20)]
            assert [view.dtype for view in images] == [torch.float32] * 2 + [torch.float16] * 3 + [
                torch.bfloat16
            ]
            assert all(view.is_contiguous(memory_format=torch.channels_last) for view in images[2:5])
            for view in (*images[:2], images[5]):
                assert torch.equal(red(view), own)
            for view in images[2:5]:
                assert torch.equal(red(view), (own - 10) / 2)
            assert isinstance(labels, torch.Tensor) and torch.equal(labels, record.sample_ids % 4)
            assert record.plans == (None,) * 6
            seen += record.sample_ids.tolist()
        assert sorted(seen) == list(range(12))

    def test_views_without_their_own_take_the_loaders_transform_size_and_output(self, files: Any) -> None:
        images, _ = next(iter(loader(files[0], [View(), View(size=8)], transform=WHOLE)))
        assert [view.shape[-1] for view in images] == [16, 8]
        images, _ = next(iter(loader(files[0], [View(), View(WHOLE)], image_size=24)))
        assert [view.shape[-1] for view in images] == [24, 16]

    def test_one_view_is_a_tuple_too_and_the_first_is_the_image_without_views(self, gradients: Files) -> None:
        transform = TrainTransform(24, color_jitter=0.4, auto_augment="rand-m9-mstd0.5-inc1")
        plain = list(loader(gradients, None, transform=transform, seed=3))
        for views in ([View(transform)], [View(transform), View(count=2)]):
            for (x, y), (images, labels) in zip(plain, loader(gradients, views, seed=3), strict=True):
                assert isinstance(images, tuple) and torch.equal(y, labels)
                # several windows are cut from one decoded image, one is decoded by itself: PNG gives the same pixels
                assert torch.equal(images[0], x)

    def test_the_loader_says_how_many(self, files: Any) -> None:
        made = loader(files[0], [View(WHOLE), View(WHOLE, count=3)])
        assert "4 x 3 x 16 x 16 float32 and 3 further views" in repr(made)
        assert made.image_size == (16, 16) and len(made) == 3

    def test_sizes_may_change_with_the_epoch(self, files: Any) -> None:
        small = TrainTransform(
            SizeSchedule(((0, 32), (1, 64))), scale=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0.0
        )
        made = loader(files[0], [View(WHOLE), View(small, policy=CutMix())])
        for size in (32, 64):
            for images, targets in made:
                assert images[0].shape[-1] == 16 and images[1].shape[-1] == size
                share = red(images[1]).sum()
                assert share > 0 and torch.allclose(targets[1].sum(1), torch.ones(4))


class TestDraws:
    @KERNELS
    def test_windows_are_own_or_shared(self, gradients: Files, kernels: str) -> None:
        transform = TrainTransform(32, interpolation="nearest", scale=(0.1, 0.6))
        views = [View(transform), View(transform, window="shared"), View(transform, count=2)]
        for images, _ in loader(gradients, views, kernels):
            assert torch.equal(images[0], images[1])
            places = [corners(view) for view in images]
            assert not torch.equal(places[0], places[2]) and not torch.equal(places[2], places[3])
            # flips are their own as well
        flipped = torch.stack(
            [
                view[:, 0, 0, 0] > view[:, 0, 0, -1]
                for images, _ in loader(gradients, views, kernels)
                for view in images
            ]
        )
        assert flipped.any() and not flipped.all()

    def test_a_shared_window_of_another_size_shows_the_same_part(self, gradients: Files) -> None:
        transform = TrainTransform(64, scale=(0.3, 0.6))
        for images, _ in loader(gradients, [View(transform), View(transform, 32, window="shared")]):
            halved = torch.nn.functional.avg_pool2d(images[0], 2)
            assert (halved - images[1]).abs().max() < 4  # grey levels of a gradient

    @KERNELS
    @pytest.mark.parametrize("crop", [{"crop": "padded", "padding": 8}, {"crop": "rkrc"}, {"crop": "rkrr"}])
    def test_other_windows_are_shared_too(self, gradients: Files, crop: dict[str, Any], kernels: str) -> None:
        transform = TrainTransform(32, vflip=0.5, **crop)
        views = [View(transform), View(transform, window="shared"), View(transform)]
        for images, _ in loader(gradients, views, kernels):
            assert torch.equal(images[0], images[1]) and not torch.equal(images[0], images[2])

    @KERNELS
    def test_a_part_of_the_rows_keeps_its_ratio_as_all_rows_do(self, gradients: Files, kernels: str) -> None:
        """200 x 250 pixels become 32 x 40, so the centre goes from row 3 to 196 and from column 28 to 221."""
        transform = TrainTransform(32, crop="rkrc", scale=(1, 1), ratio=(1, 1), hflip=0.0)
        stream = Unlabelled(gradients, batch_size=3, views=[View(transform)])
        made = loader(gradients, [View(transform)], kernels, handover=HandOver(unlabelled=stream))
        for (images,), _, record in made:
            for view in (images, record.unlabelled[0]):
                corners_seen = torch.cat([view[:, :2, 0, 0], view[:, :2, -1, -1]], dim=1)
                assert (corners_seen - torch.tensor([28.0, 3.0, 221.0, 196.0])).abs().max() <= 1


class TestMixing:
    @KERNELS
    @pytest.mark.parametrize("granularity", ["batch", "pair", "sample"])
    def test_each_view_is_mixed_by_its_own_policy_or_not(
        self, files: Any, granularity: str, kernels: str
    ) -> None:
        blend = MixPolicy(MixUp(1.0), granularity=granularity, label_smoothing=0.1)
        views = [View(WHOLE), View(WHOLE, 12, policy=blend, count=2), View(WHOLE, policy=CutMix())]
        weights = []
        for images, targets, record in loader(files[0], views, kernels, handover=HandOver(), seed=4):
            own = 20.0 * record.sample_ids.double()
            assert torch.equal(red(images[0]), own)
            assert torch.equal(targets[0], torch.nn.functional.one_hot(record.labels, 4).float())
            assert record.plans[0] is None and len(record.plans) == len(images) == len(targets) == 4
            for view, target, plan in zip(images[1:], targets[1:], record.plans[1:], strict=True):
                partners = torch.from_numpy(plan.partners).long()
                shares = torch.from_numpy(plan.weights).double()
                assert (red(view) - (shares * own[partners]).sum(1)).abs().max() < 1e-3
                assert torch.allclose(target.double(), plan_targets(plan, record.labels), atol=1e-6)
            assert torch.equal(record.partners, torch.from_numpy(record.plans[1].partners).long())
            weights.append([plan.weights[0, 0] for plan in record.plans[1:3]])
        assert all(a != b for a, b in weights), "views of one policy have plans of their own"

    def test_targets_may_be_compact(self, files: Any) -> None:
        views = [View(WHOLE), View(WHOLE, policy=MixUp(1.0))]
        _, targets = next(iter(loader(files[0], views, targets="compact")))
        assert all(isinstance(target, MixedTargets) for target in targets)
        assert targets[0].labels.shape == (4, 1) and targets[1].labels.shape == (4, 2)

    @KERNELS
    def test_neighbours_are_read_for_the_mixed_view_alone(self, files: Any, kernels: str) -> None:
        table = (np.arange(12)[:, None] + 1) % 12
        policy = MixPolicy(MixUp(1.0), partners=Neighbours(table), granularity="sample")
        views = [View(WHOLE, 8), View(WHOLE, policy=policy)]
        for images, _, record in loader(files[0], views, kernels, handover=HandOver()):
            assert [len(view) for view in images] == [4, 4]
            own = record.sample_ids.double()
            assert torch.equal(red(images[0]), 20 * own)
            lam = record.weights[:, 0].double()
            assert (red(images[1]) - 20 * (lam * own + (1 - lam) * ((own + 1) % 12))).abs().max() < 1e-3


def plan_targets(plan: Any, labels: torch.Tensor) -> torch.Tensor:
    made = torch.zeros(len(labels), 4, dtype=torch.float64)
    partners = torch.from_numpy(plan.partners).long()
    made.scatter_add_(1, labels[partners], torch.from_numpy(plan.weights).double())
    return made * (1 - plan.label_smoothing) + plan.label_smoothing / 4
