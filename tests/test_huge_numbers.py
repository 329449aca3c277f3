"""Numbers that no image, batch or law has: refused when they are given. Sizes beyond 32 bits were taken modulo 2**32,
others failed in the first batch, in the words of NumPy or DALI, or never came to an end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dali_mixup import MixPolicy, MixUp, Remix, Repeated, Runtime, TrainTransform, ValTransform, View, to_grid
from dali_mixup._checks import pair
from dali_mixup.augment import Cutout, MultiScale, PhotometricDistort, RandomErasing, SizeSchedule
from dali_mixup.methods import DCutMix, GridMix, MaskMix, SmoothMix, SpecMix, TokenMix
from dali_mixup.targets import MixedTargets

SIDES: dict[str, Callable[[Any], Any]] = {
    "TrainTransform: image_size": TrainTransform,
    "ValTransform: image_size": ValTransform,
    "View: size": lambda side: View(size=side),
    "MultiScale: sizes": lambda side: MultiScale((side,)),
    "SizeSchedule: side": lambda side: SizeSchedule(((0, side),)),
    "mix: image_size": lambda side: pair("mix", "image_size", side),
    "MixPolicy.plan: .*size|height": lambda side: MixPolicy(MixUp()).plan(
        2, side, side, seed=0, epoch=0, step=0
    ),
}


@pytest.mark.parametrize("side", [2**14 + 1, 2**31, 2**32 + 16, 2**40, 2**63, 10**400])
@pytest.mark.parametrize("name", SIDES)
def test_a_side_of_more_pixels_than_an_image_has(name: str, side: int) -> None:
    with pytest.raises(ValueError, match=rf"(?s){name}.*expected"):
        SIDES[name](side)


def test_the_largest_size_is_taken() -> None:
    assert TrainTransform(2**14).size == (2**14, 2**14)
    assert ValTransform((1, 2**28)).image_size == (1, 2**28)
    assert MultiScale((2**14,)).largest == SizeSchedule(((0, 2**14),)).largest == (2**14, 2**14)


OTHERS: dict[str, Callable[[], Any]] = {
    "Runtime: read_ahead": lambda: Runtime(read_ahead=10**400),
    "Runtime: read_ahead=10001": lambda: Runtime(read_ahead=10_001),
    "View: count": lambda: View(count=10**9),
    "MixUp: k": lambda: MixUp(k=2**31),
    "Repeated: times": lambda: Repeated(10**4),
    "padding": lambda: TrainTransform(16, crop="padded", padding=2**31),
    "RandAugment: count": lambda: TrainTransform(16, auto_augment="rand-m9-n99999999"),
    "AugMix: width": lambda: TrainTransform(16, auto_augment="augmix-m3-w9999999-d1"),
    "AugMix: depth": lambda: TrainTransform(16, auto_augment="augmix-m3-w3-d9999999"),
    "DCutMix: k": lambda: DCutMix(k=2**31),
    "RandomErasing: count": lambda: RandomErasing(count=10**6),
    "Cutout: size": lambda: Cutout(2**40),
    "Cutout: size is": lambda: Cutout(10**400),
    "color_jitter": lambda: TrainTransform(color_jitter=1e308),
    "lighting": lambda: TrainTransform(lighting=1e308),
    "ratio": lambda: TrainTransform(ratio=(1e308, 1e308)),
    r"ratio\[0\]": lambda: TrainTransform(ratio=(1e-320, 1e-310)),
    "RandomErasing: ratio": lambda: RandomErasing(ratio=(1e7, 1e8)),
    "PhotometricDistort: brightness": lambda: PhotometricDistort(brightness=(1e308, 1e308)),
    r"counts\[1\]": lambda: Remix(counts=[5, 10**400]),
    "TokenMix: minimum": lambda: TokenMix(minimum=10**400),
    "TokenMix: tokens": lambda: TokenMix(tokens=(10**6, 10**6)),
    "MaskMix: block": lambda: MaskMix(block=10**400),
    "SpecMix: bands": lambda: SpecMix(bands=2**40),
    "GridMix: cut_aspect_ratio": lambda: GridMix(cut_aspect_ratio=(1e308, 1e308)),
    "SmoothMix: sigma": lambda: SmoothMix(sigma=(1e-320, 1e-310)),
    r"weights\[0\]": lambda: MixPolicy([MixUp(), DCutMix()], weights=[1e308, 1e308]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_numbers(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}.*expected") as caught:
        OTHERS[name]()
    assert len(str(caught.value)) < 300


def test_small_integers_of_numpy_do_not_overflow() -> None:
    """uint8(100) * 10 epochs is 232, and the schedule had not begun."""
    from dali_mixup import Schedule

    policy = MixPolicy(MixUp(0.4), schedule=Schedule(start=2.5))
    for epoch in (10, 300):
        plan = policy.plan(np.int8(8), 32, 32, seed=0, epoch=epoch, step=0, steps_per_epoch=np.uint8(100))
        assert plan.regime == "mixed" and len(plan) == 8


def test_class_ids_of_any_size_are_drawn() -> None:
    """A name was made for every id up to the largest."""
    import torch

    targets = MixedTargets(torch.tensor([[2**40, 3]]), torch.tensor([[0.5, 0.5]]))
    assert to_grid(np.zeros((1, 3, 8, 8), np.float32), targets).width == 200
