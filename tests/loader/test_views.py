"""Several images of each sample from one decode: which samples they show, what is drawn for each and what is shared.

Most data are one-colour images, so a pixel tells which samples went into it and with what weight.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dali_mixup import (
    CutMix,
    HandOver,
    MixedTargets,
    MixPolicy,
    MixUp,
    Neighbours,
    Output,
    Pool,
    Runtime,
    Skip,
    TrainTransform,
    Unlabelled,
    View,
    train_loader,
)
from dali_mixup.augment import RandomErasing, SizeSchedule

WHOLE = TrainTransform(16, scale=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0.0)
RAW = Output(mean=0, std=1)
Files = list[tuple[str, int]]
KERNELS = pytest.mark.parametrize("kernels", ["numba", "dali"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Files, Files]:
    """(12 labelled images of red 20 i, 7 unlabelled ones of green 30 i + 10)."""
    folder = tmp_path_factory.mktemp("colours")
    labelled, unlabelled = [], []
    for i in range(12):
        Image.new("RGB", (40, 30), (20 * i, 0, 0)).save(folder / f"l{i:02}.png")
        labelled.append((str(folder / f"l{i:02}.png"), i % 4))
    for i in range(7):
        Image.new("RGB", (30, 40), (0, 30 * i + 10, 0)).save(folder / f"u{i}.png")
        unlabelled.append((str(folder / f"u{i}.png"), 0))
    return labelled, unlabelled


@pytest.fixture(scope="module")
def gradients(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """8 pictures whose red is the column and whose green is the row, so a pixel tells where it comes from."""
    folder = tmp_path_factory.mktemp("gradients")
    y, x = np.mgrid[0:200, 0:250]
    picture = np.stack([x, y, np.zeros_like(x)], axis=2).astype(np.uint8)
    names = []
    for i in range(8):
        Image.fromarray(picture).save(folder / f"{i}.png")
        names.append((str(folder / f"{i}.png"), i % 2))
    return names


def loader(data: Any, views: Any, kernels: str = "numba", **arguments: Any) -> Any:
    fixed = {
        "batch_size": 4,
        "output": RAW,
        "device": "cpu",
        "runtime": Runtime(num_threads=2, cpu_kernels=kernels),  # type: ignore[arg-type]
    }
    return train_loader(data, views=views, **(fixed | arguments))


def red(images: torch.Tensor) -> torch.Tensor:
    return images[:, 0].double().mean((1, 2))


def green(images: torch.Tensor) -> torch.Tensor:
    return images[:, 1].double().mean((1, 2))


def corners(images: torch.Tensor) -> torch.Tensor:
    """(N, 4) place of the first and the last pixel in the stored picture of gradients."""
    return torch.cat([images[:, :2, 0, 0], images[:, :2, -1, -1]], 1)


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
        small = TrainTransform(SizeSchedule(((0, 8), (1, 12))), scale=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0.0)
        made = loader(files[0], [View(WHOLE), View(small, policy=CutMix())])
        for size in (8, 12):
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

    def test_padded_windows_are_shared_too(self, gradients: Files) -> None:
        transform = TrainTransform(32, crop="padded", padding=8)
        views = [View(transform), View(transform, window="shared"), View(transform)]
        for images, _ in loader(gradients, views):
            assert torch.equal(images[0], images[1]) and not torch.equal(images[0], images[2])

    def test_augmentation_is_drawn_for_each_view(self, gradients: Files) -> None:
        transform = TrainTransform(32, color_jitter=0.8)
        views = [View(TrainTransform(32)), View(transform, window="shared", count=2)]
        for images, _ in loader(gradients, views):
            assert not torch.equal(images[1], images[2]) and not torch.equal(images[0], images[1])


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
        images, targets = next(iter(loader(files[0], views, targets="compact")))
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


class TestUnlabelled:
    @KERNELS
    def test_each_stream_has_views_of_its_own(self, files: Any, kernels: str) -> None:
        weak, strong = View(WHOLE, 8), View(WHOLE, 12, count=2, output=Output(mean=1, std=2))
        stream = Unlabelled(files[1], batch_size=5, views=[weak, strong])
        views = [View(WHOLE), View(WHOLE, 8)]
        for images, _, record in loader(files[0], views, kernels, handover=HandOver(unlabelled=stream)):
            assert [tuple(view.shape) for view in images] == [(4, 3, 16, 16), (4, 3, 8, 8)]
            assert all(torch.equal(red(view), 20.0 * record.sample_ids.double()) for view in images)
            sides = [tuple(view.shape) for view in record.unlabelled]
            assert sides == [(5, 3, 8, 8), (5, 3, 12, 12), (5, 3, 12, 12)]
            expected = 30.0 * record.unlabelled_ids.double() + 10
            assert torch.equal(green(record.unlabelled[0]), expected)
            for view in record.unlabelled[1:]:
                assert torch.equal(green(view), (expected - 1) / 2)

    @KERNELS
    @pytest.mark.parametrize("padded", [False, True])
    def test_a_view_of_unlabelled_samples_alone_has_every_augmentation(
        self, files: Any, kernels: str, padded: bool
    ) -> None:
        crop: dict[str, Any] = {"crop": "padded", "hflip": 0.5} if padded else {}
        erasing = RandomErasing(prob=1.0, mode="rand", place="before_mix" if padded else "after_mix")
        strong = TrainTransform(
            16, **crop, auto_augment="rand-m9-mstd0.5-inc1", color_jitter=0.4, random_erasing=erasing
        )
        stream = Unlabelled(
            files[1], batch_size=6, views=[View(WHOLE), View(strong), View(strong, window="shared")][: 3 - 1]
        )
        for _ in range(2):
            for images, _, record in loader(
                files[0], [View(WHOLE, 24)], kernels, handover=HandOver(unlabelled=stream)
            ):
                assert torch.equal(red(images[0]), 20.0 * record.sample_ids.double())
                assert record.unlabelled[1].shape == (6, 3, 16, 16) and record.unlabelled[1].isfinite().all()
                assert torch.equal(green(record.unlabelled[0]), 30.0 * record.unlabelled_ids.double() + 10)

    def test_the_labelled_images_are_those_without_a_stream(self, gradients: Files, files: Any) -> None:
        views = [View(TrainTransform(24)), View(TrainTransform(16, color_jitter=0.4))]
        stream = Unlabelled(files[1], batch_size=3, views=[View(WHOLE, 12)])
        alone, beside = (
            loader(gradients, views),
            loader(gradients, views, handover=HandOver(unlabelled=stream)),
        )
        for (images, _), (same, _, _) in zip(alone, beside, strict=True):
            assert all(map(torch.equal, images, same))

    def test_with_one_image_for_each_sample_both_streams_may_differ(self, files: Any) -> None:
        stream = Unlabelled(files[1], views=[View(WHOLE, 8), View(WHOLE, 12)])
        made = train_loader(
            files[0],
            batch_size=4,
            transform=WHOLE,
            output=RAW,
            device="cpu",
            handover=HandOver(unlabelled=stream),
        )
        for images, labels, record in made:
            assert images.shape == (4, 3, 16, 16) and labels.shape == (4,)
            assert [view.shape[-1] for view in record.unlabelled] == [8, 12]


class TestPromises:
    def new(self, gradients: Files, files: Any, **arguments: Any) -> Any:
        strong = TrainTransform(24, auto_augment="rand-m9-mstd0.5-inc1", gaussian_blur=0.5)
        views = [
            View(TrainTransform(24)),
            View(strong, window="shared"),
            View(strong, policy=CutMix()),
            View(size=12),
        ]
        stream = Unlabelled(files[1], batch_size=3, views=[View(WHOLE), View(strong)])
        given = {"handover": HandOver(unlabelled=stream), "batch_size": 3, "drop_last": False}
        return loader(gradients, views, **(given | arguments))

    def equal(self, first: list[Any], second: list[Any]) -> bool:
        return all(
            all(map(torch.equal, a[0], b[0]))
            and all(map(torch.equal, a[1], b[1]))
            and all(map(torch.equal, a[2].unlabelled, b[2].unlabelled))
            for a, b in zip(first, second, strict=True)
        )

    def test_a_resumed_run_continues_bit_for_bit(self, gradients: Files, files: Any) -> None:
        first = self.new(gradients, files)
        batches = iter(first)
        next(batches)
        second = self.new(gradients, files)
        second.load_state_dict(first.state_dict())
        assert self.equal([*batches, *first], [*second, *second])

    def test_a_state_of_other_views_is_refused(self, gradients: Files, files: Any) -> None:
        state = self.new(gradients, files).state_dict()
        others = ([View(TrainTransform(24))], [View(TrainTransform(24), count=4)], None)
        for views in others:
            stream = Unlabelled(files[1], batch_size=3, views=[View(WHOLE)])
            other = loader(
                gradients, views, handover=HandOver(unlabelled=stream), batch_size=3, drop_last=False
            )
            with pytest.raises(ValueError, match="belongs to another run"):
                other.load_state_dict(state)

    def test_neither_threads_nor_prefetching_change_them(self, gradients: Files, files: Any) -> None:
        made = [
            list(self.new(gradients, files, runtime=Runtime(num_threads=t, prefetch=p)))
            for t, p in ((1, 1), (3, 4))
        ]
        assert self.equal(*made)

    def test_ranks_share_the_samples(self, gradients: Files, files: Any) -> None:
        ids = [
            record.sample_ids.tolist()
            for rank in (0, 1)
            for _, _, record in self.new(gradients, files, rank=rank, world_size=2, batch_size=2)
        ]
        assert sorted(sum(ids, [])) == list(range(8))

    def test_a_bad_file_is_skipped_in_all_views(self, files: Any, tmp_path: Path) -> None:
        (tmp_path / "bad.png").write_bytes(Path(files[0][3][0]).read_bytes()[:60])
        data = [*files[0][:3], (str(tmp_path / "bad.png"), 3), *files[0][4:]]
        made = loader(data, [View(WHOLE), View(WHOLE, 8)], bad_files=Skip(), handover=HandOver())
        seen = []
        for images, _, record in made:
            assert all(torch.equal(red(view), 20.0 * record.sample_ids.double()) for view in images)
            seen += record.sample_ids.tolist()
        assert sorted({*seen}) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11] and len(made.skipped) == 1


class TestRefused:
    @pytest.mark.parametrize(
        ("make", "error", "message"),
        [
            (lambda: View(WHOLE, 0), ValueError, "View: image_size=0"),
            (lambda: View("weak"), TypeError, "View: transform='weak', expected TrainTransform"),
            (lambda: View(count=0), ValueError, "View: count=0"),
            (lambda: View(count=True), TypeError, "View: count=True"),
            (lambda: View(window="mine"), ValueError, "window='mine', expected one of 'own', 'shared'"),
            (lambda: View(policy=0.2), TypeError, "View: policy=0.2"),
            (lambda: View(output=0.5), TypeError, r"View: output=0.5, expected Output\(...\) or None"),
        ],
    )
    def test_a_view(self, make: Any, error: Any, message: str) -> None:
        with pytest.raises(error, match=message):
            make()

    @pytest.mark.parametrize(
        ("views", "arguments", "error", "message"),
        [
            ([], {}, ValueError, "views=\\[\\], expected at least one"),
            (2, {}, TypeError, "views=2, expected a list of View"),
            ([WHOLE], {}, TypeError, "expected a list of View"),
            ([View(window="shared")], {}, ValueError, "the first view has window='shared'"),
            (
                [View(WHOLE), View(TrainTransform(16), window="shared")],
                {},
                ValueError,
                r"view 1 has window='shared' and scale=\(0.08, 1.0\), but the first view",
            ),
            ([View()], {"policy": MixUp()}, ValueError, "give it to the views that are to be mixed"),
            (
                [View()],
                {"handover": HandOver(clean=True)},
                ValueError,
                r"HandOver\(clean=True\) beside views=",
            ),
            ([View(output=Output(dtype="uint8"))], {}, ValueError, "dtype='uint8'"),
            ([View(output=Output(mean=0.5, std=0.2))], {}, ValueError, "which are for images in 0..1"),
            (
                [View(), View(policy=MixUp())],
                {"targets": "labels"},
                ValueError,
                "would lose the mixed labels",
            ),
            (
                [
                    View(policy=MixPolicy(MixUp(), num_classes=4)),
                    View(policy=MixPolicy(MixUp(), num_classes=5)),
                ],
                {},
                ValueError,
                "policies with num_classes=4 and 5",
            ),
        ],
    )
    def test_views_that_do_not_fit(
        self, files: Any, views: Any, arguments: Any, error: Any, message: str
    ) -> None:
        with pytest.raises(error, match=message):
            loader(files[0], views, **arguments)

    def test_streams_that_do_not_fit(self, files: Any) -> None:
        mixed = HandOver(unlabelled=Unlabelled(files[1], views=[View(policy=MixUp())]))
        with pytest.raises(ValueError, match="unlabelled samples have no targets"):
            loader(files[0], None, handover=mixed)
        other = Pool(Unlabelled(files[1], views=[View(size=32)]))
        with pytest.raises(ValueError, match="the first view of both is the same"):
            loader(files[0], None, policy=MixPolicy(MixUp(), partners=other), targets="compact")
        with pytest.raises(TypeError, match="Unlabelled: views=.*, expected a list of View"):
            loader(files[0], None, handover=HandOver(unlabelled=Unlabelled(files[1], views=["weak"])))
