"""What the two loaders ask for, and what they answer to arguments of other libraries."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm.data
import torch
from torch.utils.data import DataLoader

from dali_mixup import (
    CutMix,
    MixLoader,
    MixPolicy,
    MixUp,
    Output,
    Schedule,
    TrainTransform,
    ValTransform,
    train_loader,
    val_loader,
)
from dali_mixup._loader.foreign import IN_VALIDATION, REPLACEMENTS, replacement

BOTH = [train_loader, val_loader]
COMMON: dict[str, Any] = {"batch_size": 8, "image_size": 16, "device": "cpu"}
DATALOADER = [
    name for name in inspect.signature(DataLoader).parameters if name not in ("batch_size", "drop_last")
]


def test_there_are_few_parameters() -> None:
    assert len(inspect.signature(train_loader).parameters) <= 21
    assert len(inspect.signature(val_loader).parameters) <= 12


class TestForeignArguments:
    @pytest.mark.parametrize("make", BOTH)
    @pytest.mark.parametrize("name", DATALOADER)
    def test_each_of_torchs_dataloader_is_answered_with_what_replaces_it(self, make: Any, name: str) -> None:
        with pytest.raises(TypeError, match=rf"^{make.__name__}: {name}= is not an argument: ") as caught:
            make("nowhere", batch_size=4, **{name: None})
        said = str(caught.value)
        assert "did you mean" not in said and "expected one of" not in said

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("mean", r"give it as output=Output\(mean=\.\.\.\)"),
            ("dtype", r"give it as output=Output\(dtype=\.\.\.\)"),
            ("num_threads", r"give it as runtime=Runtime\(num_threads=\.\.\.\)"),
            ("hflip", r"give it as transform=TrainTransform\(hflip=\.\.\.\)"),
            ("granularity", r"give it as policy=MixPolicy\(granularity=\.\.\.\)"),
            ("num_workers", r"runtime=Runtime\(num_threads=\.\.\.\)"),
            ("sampler", "give the sampler as order="),
            ("shuffle", r"order=Sequential\(\)"),
            ("mixup_alpha", r"MixPolicy\.from_timm\(mixup_alpha=\.\.\.\)"),
            ("crop_pct", r"training crops are random, transform=TrainTransform\(scale="),
            ("on_error", r"bad_files=Skip\(at_most=\.\.\.\)"),
        ],
    )
    def test_what_has_another_name_or_place_is_pointed_to(self, name: str, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            train_loader("nowhere", batch_size=4, **{name: 1})

    def test_several_are_answered_together(self) -> None:
        with pytest.raises(TypeError, match=r"mean= .*Output.*; std= .*Output.*; shuffle= "):
            val_loader("nowhere", batch_size=4, mean=0, std=1, shuffle=False)

    @pytest.mark.parametrize(
        ("name", "meant"), [("batchsize", "batch_size"), ("polcy", "policy"), ("num_class", "num_classes")]
    )
    def test_a_typo_is_recognised(self, name: str, meant: str) -> None:
        with pytest.raises(TypeError, match=rf"{name}= is not an argument: did you mean '?{meant}"):
            train_loader("nowhere", **{name: 1})


class TestSizes:
    @pytest.mark.parametrize(
        ("image_size", "of_transform"),
        [
            (np.int64(32), 32),
            ([32, 32], (32, 32)),
            (32, (32, 32)),
            ((32, 32), 32),
            ([np.int32(32), 48], (32, 48)),
        ],
    )
    def test_the_same_size_may_be_said_twice(
        self, image_folder: Path, image_size: Any, of_transform: Any
    ) -> None:
        for make, kind in ((train_loader, TrainTransform), (val_loader, ValTransform)):
            loader = make(
                image_folder, batch_size=4, image_size=image_size, transform=kind(of_transform), device="cpu"
            )
            assert loader.image_size == (32, 48 if of_transform == (32, 48) else 32)

    def test_sizes_that_disagree_are_refused(self, image_folder: Path) -> None:
        for make, kind in ((train_loader, TrainTransform), (val_loader, ValTransform)):
            with pytest.raises(
                ValueError, match=r"image_size=224 and transform\.image_size=32; give one of them"
            ):
                make(image_folder, batch_size=4, image_size=224, transform=kind(32), device="cpu")

    @pytest.mark.parametrize(("size", "resized"), [(224, 256), (96, 110), ((64, 112), 128)])
    def test_validation_resizes_to_256_of_224_first(
        self, image_folder: Path, size: Any, resized: int
    ) -> None:
        loader = val_loader(image_folder, batch_size=4, image_size=size, device="cpu")
        assert loader.spec.pipeline.first.transform.resolved == ValTransform(size, resized)


class TestPolicies:
    @pytest.mark.parametrize("given", [MixUp(0.2), [MixUp(0.2), CutMix(1.0)], (CutMix(0.5),)])
    def test_methods_are_policies(self, image_folder: Path, given: Any) -> None:
        short, long = (
            next(iter(train_loader(image_folder, policy=policy, **COMMON)))
            for policy in (given, MixPolicy(given))
        )
        assert torch.equal(short[0], long[0]) and torch.equal(short[1], long[1])

    @pytest.mark.parametrize("given", [[], "mixup", MixUp, [MixUp(0.2), "cutmix"], 0.2])
    def test_what_is_no_policy_is_refused(self, given: Any) -> None:
        with pytest.raises(
            TypeError, match=r"train_loader: policy=.*expected MixPolicy\(\.\.\.\), a method such as"
        ):
            train_loader("nowhere", policy=given, **COMMON)

    def test_from_timm_takes_all_arguments_of_timm_in_their_order(self) -> None:
        theirs = inspect.signature(timm.data.Mixup).parameters
        ours = inspect.signature(MixPolicy.from_timm).parameters
        assert list(ours)[: len(theirs)] == list(theirs)
        differ = [name for name in theirs if ours[name].default != theirs[name].default]
        assert differ == ["num_classes"]  # timm's 1000 is a guess, ours are the data's

    def test_labels_that_do_not_follow_the_pixels_are_refused(self) -> None:
        assert MixPolicy.from_timm(0.8, correct_lam=True) == MixPolicy.from_timm(0.8)
        with pytest.raises(ValueError, match="labels follow the pixels here, expected correct_lam=True"):
            MixPolicy.from_timm(0.8, correct_lam=False)

    def test_vectors_are_smoothed_before_they_are_given(self) -> None:
        assert MixPolicy.from_timm(0.8, multi_label=True, label_smoothing=0).label_smoothing == 0
        with pytest.raises(
            ValueError, match=r"multi_label=True with label_smoothing=0\.1; smooth the vectors"
        ):
            MixPolicy.from_timm(0.8, multi_label=True)

    def test_num_classes_of_the_policy_are_the_targets_columns(self, image_folder: Path) -> None:
        policy = MixPolicy.from_timm(0.8, num_classes=7)
        loader = train_loader(image_folder, policy=policy, **COMMON)
        assert loader.num_classes == 7 and next(iter(loader))[1].shape == (8, 7)
        with pytest.raises(ValueError, match=r"num_classes=9 but policy\.num_classes=7; give one of them"):
            train_loader(image_folder, policy=policy, num_classes=9, **COMMON)


class TestMixupEnabled:
    def test_it_follows_the_schedule_batch_by_batch(self, image_folder: Path) -> None:
        policy = MixPolicy(MixUp(1.0), partners="derangement", schedule=Schedule(stop=5, unit="step"))
        loader = train_loader(image_folder, policy=policy, **COMMON)
        said, done = [], []
        for _ in range(3):
            said.append(loader.mixup_enabled)
            for _ in loader:
                done.append(bool(loader.last_batch.plan.mixed.any()))
                said.append(loader.mixup_enabled)
            said.pop()  # the same batch is asked for again at the beginning of the next epoch
        assert said == done == [True] * 5 + [False] * 4
        assert not train_loader(image_folder, **COMMON).mixup_enabled

    def test_it_cannot_be_switched(self, image_folder: Path) -> None:
        loader = train_loader(image_folder, policy=MixUp(0.2), **COMMON)
        loader.mixup_enabled = True
        with pytest.raises(
            AttributeError, match=r"mixup_enabled=False cannot be set.*schedule=Schedule\(stop=EPOCH\)"
        ):
            loader.mixup_enabled = False
        assert loader.mixup_enabled


@pytest.mark.parametrize("make", BOTH)
def test_attributes_that_would_change_no_batch_cannot_be_set(image_folder: Path, make: Any) -> None:
    with make(image_folder, **COMMON) as loader:
        for name in vars(MixLoader):
            if isinstance(getattr(MixLoader, name), property) and name != "mixup_enabled":
                before = repr(getattr(loader, name))
                instead = r"call set_epoch\(7\)" if name == "epoch" else "make another loader"
                with pytest.raises(AttributeError, match=f"{name}=7 cannot be set.*{instead}"):
                    setattr(loader, name, 7)
                assert name.endswith("sampler") or repr(getattr(loader, name)) == before
        loader.remark = "my own"
        assert loader.remark == "my own"


def test_the_last_batch_is_told_in_tensors(image_folder: Path) -> None:
    loader = train_loader(image_folder, policy=MixUp(0.2), **COMMON)
    assert loader.last_batch is None
    for step, _ in enumerate(loader):
        batch = loader.last_batch
        assert (batch.epoch, batch.step) == (0, step)
        assert batch.indices.dtype == batch.labels.dtype == torch.int64
        assert batch.labels.tolist() == loader.dataset.labels[batch.indices.numpy()].tolist()
        assert len(batch.plan) == len(batch.labels) == 8


class TestPeek:
    @pytest.mark.parametrize("taken", [0, 1, 2, 3, 4])
    def test_it_shows_the_batch_that_comes_next_and_moves_nothing(
        self, image_folder: Path, taken: int
    ) -> None:
        policy = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample", schedule=Schedule(stop=1))
        loader = train_loader(image_folder, policy=policy, output=Output(dtype="float16"), **COMMON)
        running = (batch for _ in range(3) for batch in loader)  # 3 batches per epoch
        for _ in range(taken):
            next(running)
        before, epoch, last = loader.state_dict(), loader.epoch, loader.last_batch
        shown = [loader.peek() for _ in range(2)]
        assert loader.state_dict() == before and loader.epoch == epoch and loader.last_batch is last
        images, targets = next(running)
        for peeked in shown:
            assert torch.equal(peeked[0], images) and torch.equal(peeked[1], targets)
        assert (loader.last_batch.epoch, loader.last_batch.step) == divmod(taken, 3)

    def test_after_a_break_it_shows_the_next_epoch(self, image_folder: Path) -> None:
        loader = train_loader(image_folder, policy=MixUp(0.2), **COMMON)
        for _ in loader:
            break
        shown = loader.peek()
        assert torch.equal(shown[0], next(iter(loader))[0]) and loader.last_batch.epoch == 1

    def test_it_costs_no_epoch_of_the_schedule(self, image_folder: Path) -> None:
        """Case 17: `next(iter(loader))` before training made Schedule(stop=2) stop after one epoch."""
        policy = MixPolicy(MixUp(0.8), partners="derangement", schedule=Schedule(stop=2))
        loader = train_loader(image_folder, policy=policy, **COMMON)
        loader.peek()
        mixed = []
        for _ in range(3):
            for _ in loader:
                any_mixed = bool((loader.last_batch.plan.method >= 0).any())
            loader.peek()
            mixed.append(any_mixed)
        assert mixed == [True, True, False]

    def test_epochs_abandoned_after_one_batch_again_and_again_are_warned_of_once(
        self, image_folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Case 17b: `next(iter(loader))` for every step."""
        loader = train_loader(image_folder, policy=MixUp(0.2), **COMMON)
        next(iter(loader))
        assert "abandoned" not in caplog.text
        for _ in range(4):
            next(iter(loader))
        assert caplog.text.count("abandoned after one batch") == 1 and "loader.peek()" in caplog.text

    def test_passes_over_validation_data_may_be_abandoned(
        self, image_folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Every pass is the same; Lightning's `limit_val_batches=1` makes one in every epoch."""
        loader = val_loader(image_folder, **COMMON)
        first, second, _ = (next(iter(loader))[0] for _ in range(3))
        assert torch.equal(first, second) and "abandoned" not in caplog.text


@pytest.mark.parametrize("function", [train_loader, val_loader])
def test_no_advice_names_an_argument_that_the_function_does_not_have(function: Any) -> None:
    known = tuple(inspect.signature(function).parameters)
    for name in {*REPLACEMENTS, *IN_VALIDATION} - set(known):
        advised = re.findall(r"(?<![\w(.])(\w+)=", re.sub(r"\(.*\)", "", replacement(name, known)))
        assert set(advised) <= set(known), (name, advised)


def test_crop_pct_is_pointed_to_where_it_has_a_meaning(image_folder: Path) -> None:
    with pytest.raises(
        TypeError, match=r"crop_pct= is not an argument: transform=ValTransform\(image_size, resize_size="
    ):
        val_loader(image_folder, **COMMON, crop_pct=0.875)
