"""Sizes that change by epoch or batch: a pure function of the address, in one pipeline that is never rebuilt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from dali_mixup import CutMix, MixLoader, MixPolicy, MixUp, Runtime, train_loader
from dali_mixup._loader import run
from dali_mixup.augment import MultiScale, RandomErasing, SizeSchedule, TrainTransform


def ffcv_resolution(epoch: int, low: int, high: int, start: int, end: int) -> int:
    """The ramp that FFCV's ImageNet recipe describes."""
    if epoch <= start:
        return low
    if epoch >= end:
        return high
    return int(np.round(np.interp([epoch], [start, end], [low, high])[0] / 32)) * 32


def test_the_ramp_is_ffcvs() -> None:
    schedule = SizeSchedule(((65, 160), (76, 192)))
    for epoch in range(90):
        side = ffcv_resolution(epoch, 160, 192, 65, 76)
        assert schedule.at(0, epoch, 3) == (side, side)
    assert schedule.largest == (192, 192)


def test_a_step_and_another_multiple() -> None:
    schedule = SizeSchedule(((0, 100), (1, 100), (2, 150)), multiple=50)
    assert [schedule.at(0, epoch, 0)[0] for epoch in range(4)] == [100, 100, 150, 150]


@pytest.mark.parametrize("every", ["epoch", "batch"])
def test_random_sizes_are_equally_likely_and_the_same_on_all_ranks(every: str) -> None:
    sizes = MultiScale((96, 128, 160), every)
    drawn = [[sizes.at(1, epoch, step)[0] for step in range(5)] for epoch in range(400)]
    first = [row[0] for row in drawn]
    assert stats.chisquare([first.count(size) for size in sizes.sizes]).pvalue > 1e-4
    changes = sum(len(set(row)) > 1 for row in drawn)
    assert changes == 0 if every == "epoch" else changes > 300


def loader(image_folder: Path, image_size: Any, **options: Any) -> MixLoader:
    transform = TrainTransform(
        image_size,
        auto_augment="rand-m9-mstd0.5-inc1",
        random_erasing=RandomErasing(0.5, "pixel", place="after_mix"),
    )
    policy = MixPolicy([MixUp(0.8), CutMix(1.0)])
    return train_loader(
        image_folder,
        policy=policy,
        batch_size=8,
        transform=transform,
        device="cpu",
        seed=4,
        **({"runtime": Runtime(num_threads=2)} | options),
    )


def test_sizes_change_with_the_epoch_without_a_new_pipeline(
    image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    build = run.build
    monkeypatch.setattr(run, "build", lambda *arguments: built.append(1) or build(*arguments))
    schedule = SizeSchedule(((0, 32), (1, 32), (2, 64)))
    with loader(image_folder, schedule) as batches:
        for epoch in range(4):
            shapes = {tuple(images.shape[2:]) for images, _ in batches}
            assert shapes == {schedule.at(4, epoch, 0)}
    assert len(built) == 1


def test_a_resumed_run_has_the_same_sizes_and_pixels(image_folder: Path) -> None:
    sizes = MultiScale((32, 48, 64, 80), every="batch")
    with loader(image_folder, sizes) as whole, loader(image_folder, sizes) as resumed:
        expected = [images for _ in range(3) for images, _ in whole]
        assert len({images.shape for images in expected}) > 1
        with loader(image_folder, sizes) as first:
            list(first)
            iterator = iter(first)
            next(iterator)
            resumed.load_state_dict(first.state_dict())
        rest = [images for _ in range(2) for images, _ in resumed]
    assert len(rest) == len(expected) - 4
    assert all(torch.equal(a, b) for a, b in zip(rest, expected[4:], strict=True))


def test_a_schedule_that_stays_gives_the_images_of_that_size(image_folder: Path) -> None:
    with loader(image_folder, SizeSchedule(((0, 64),))) as scheduled, loader(image_folder, 64) as fixed:
        for (a, _), (b, _) in zip(scheduled, fixed, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("roi", [True, False])
def test_sizes_may_change_whichever_way_windows_are_decoded(image_folder: Path, roi: bool) -> None:
    with loader(
        image_folder, MultiScale((32, 64), every="batch"), runtime=Runtime(2, roi_decoding=roi)
    ) as batches:
        shapes = {images.shape[2] for _ in range(4) for images, _ in batches}
    assert shapes == {32, 64}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SizeSchedule(()), "at least one knot"),
        (lambda: SizeSchedule(((5, 64), (2, 32))), "in order of epoch"),
        (lambda: SizeSchedule(((0, 16),)), "side of one of the knots \\(multiple=32\\)=16"),
        (lambda: SizeSchedule(160), "expected \\(\\(epoch, side\\), ...\\)"),
        (lambda: MultiScale(()), "expected at least one"),
        (lambda: MultiScale((64,), every="step"), "every='step'"),
        (lambda: TrainTransform((1, 2, 3)), "expected one number of pixels or \\(height, width\\)"),
        (lambda: TrainTransform(MultiScale(), crop="padded"), "needs one image_size"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
