"""Views of unlabelled samples, and what is promised of every loader: resume, ranks, bad files, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import (
    CutMix,
    HandOver,
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
from dali_mixup.augment import RandomErasing
from dali_mixup.methods import FMix
from tests.loader.pictures import KERNELS, RAW, WHOLE, Files, green, loader, red


class TestUnlabelled:
    @KERNELS
    def test_each_stream_has_views_of_its_own(self, files: Any, kernels: str) -> None:
        weak, strong = View(WHOLE, 8), View(WHOLE, 12, count=2, output=Output(mean=10, std=2))
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
                assert torch.equal(green(view), (expected - 10) / 2)

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
        stream = Unlabelled(files[1], batch_size=6, views=[View(WHOLE), View(strong)])
        for _ in range(2):
            for images, _, record in loader(
                files[0], [View(WHOLE, 24)], kernels, handover=HandOver(unlabelled=stream)
            ):
                assert torch.equal(red(images[0]), 20.0 * record.sample_ids.double())
                assert record.unlabelled[1].shape == (6, 3, 16, 16) and record.unlabelled[1].isfinite().all()
                assert torch.equal(green(record.unlabelled[0]), 30.0 * record.unlabelled_ids.double() + 10)

    @pytest.mark.parametrize("first", [View(TrainTransform(16, grayscale=1e-9)), View(policy=CutMix())])
    def test_a_shared_window_is_that_of_the_streams_own_first_view(
        self, gradients: Files, first: View
    ) -> None:
        crops = TrainTransform(16, hflip=0.5)
        shared = View(crops, window="shared")
        stream = Unlabelled(gradients, batch_size=6, views=[View(first.transform or crops), shared])
        views = [View(crops, policy=first.policy), shared]
        for _, _, record in loader(gradients, views, handover=HandOver(unlabelled=stream)):
            assert torch.allclose(record.unlabelled[0], record.unlabelled[1], atol=1e-2)

    @KERNELS
    @pytest.mark.parametrize("granularity", ["batch", "sample"])
    def test_views_of_unlabelled_samples_are_mixed_with_each_other(
        self, files: Any, kernels: str, granularity: str
    ) -> None:
        methods = [MixUp(1.0), CutMix(1.0), FMix()]
        policy = MixPolicy(methods, granularity=granularity)
        plain, mixed = View(WHOLE, 24), View(WHOLE, 32, policy=policy, count=2)
        stream = Unlabelled(files[1], batch_size=5, views=[plain, mixed])
        made = loader(
            files[0], [View(WHOLE), View(WHOLE, policy=policy)], kernels, handover=HandOver(unlabelled=stream)
        )
        shares = []
        for images, _, record in [*made, *made, *made]:
            own = 20.0 * record.sample_ids.double()
            assert torch.equal(red(images[0]), own) and (green(images[1]) == 0).all()
            other = 30.0 * record.unlabelled_ids.double() + 10
            assert torch.equal(green(record.unlabelled[0]), other) and record.unlabelled_plans[0] is None
            for view, plan in zip(record.unlabelled[1:], record.unlabelled_plans[1:], strict=True):
                assert view.shape == (5, 3, 32, 32) and len(plan) == 5 and (red(view) == 0).all()
                partners = torch.from_numpy(plan.partners).long()
                weights = torch.from_numpy(plan.pixel_weights).double()
                assert (green(view) - (weights * other[partners]).sum(1)).abs().max() < 1e-3
            shares.append([plan.weights.tolist() for plan in record.unlabelled_plans[1:]])
        assert all(first != second for first, second in shares)

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
        stream = Unlabelled(files[1], batch_size=3, views=[View(WHOLE), View(strong, policy=CutMix())])
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
        assert sorted(np.concatenate(ids)) == list(range(8))

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
            (lambda: View(WHOLE, 0), ValueError, "View: size=0"),
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
        for rule in ("same_class", Neighbours([[0]] * 7)):
            view = View(policy=MixPolicy(MixUp(), partners=rule))
            stream = HandOver(unlabelled=Unlabelled(files[1], views=[view]))
            with pytest.raises(ValueError, match="which needs the labels of its samples, or other samples"):
                loader(files[0], None, handover=stream)
        other = Pool(Unlabelled(files[1], views=[View(size=32)]))
        with pytest.raises(ValueError, match="the first view of both is the same"):
            loader(files[0], None, policy=MixPolicy(MixUp(), partners=other), targets="compact")
        with pytest.raises(TypeError, match=r"Unlabelled: views=.*, expected a list of View"):
            loader(files[0], None, handover=HandOver(unlabelled=Unlabelled(files[1], views=["weak"])))
