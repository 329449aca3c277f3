"""Plans that a GPU kernel would carry out in memory that is not its own, and plans that lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup._apply.validity import SWITCH, refuse_invalid
from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.feed import PlanFeed
from dali_mixup.methods import (
    REGISTRY,
    CutMix,
    FMix,
    Form,
    GMix,
    MaskMix,
    Method,
    MixUp,
    Mosaic,
    ResizeMix,
    StackMix,
    VHMixUp,
)

H, W, ROWS = 32, 48, 16
EVERY = [method() for method in REGISTRY.values()]


def plan_of(*methods: Any, step: int = 0) -> MixPlan:
    policy = MixPolicy(list(methods), granularity="sample", partners="derangement")
    return policy.plan(ROWS, H, W, seed=0, epoch=0, step=step)


@pytest.fixture
def everything_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "1")


@pytest.mark.usefixtures("everything_is_checked")
@pytest.mark.parametrize("granularity", ["batch", "pair", "sample"])
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_methods_plans_are_valid(name: str, granularity: str) -> None:
    method = REGISTRY[name]()
    if granularity == "pair" and method.columns > 2:
        granularity = "sample"
    policy = MixPolicy([method], granularity=granularity, prob=0.9)
    for step in range(10):
        for height, width in ((1, 1), (H, W), (7, 3)):
            plan = policy.plan(5, height, width, seed=1, epoch=0, step=step)
            refuse_invalid(plan, height, width)


@pytest.mark.usefixtures("everything_is_checked")
def test_plans_of_several_methods_are_valid() -> None:
    for step in range(10):
        refuse_invalid(plan_of(*EVERY, step=step), H, W)


def changed(plan: MixPlan, field: str, row: Any, value: Any) -> MixPlan:
    name, _, part = field.partition(".")
    whole = getattr(plan, name)
    array = (getattr(whole, part) if part else whole).copy()
    array[row] = value
    return replace(plan, **{name: replace(whole, **{part: array}) if part else array})


DANGEROUS = {
    "a partner after the last row": (MixUp(), "partners", (3, 1), ROWS, "partners outside"),
    "a partner before the first": (MixUp(), "partners", (3, 1), -1, "partners outside"),
    "a box too wide": (ResizeMix(), "boxes", (3, 3), W + 1, "a box outside"),
    "a box that begins before the image": (ResizeMix(), "boxes", (3, 0), -1, "a box outside"),
    "an inset too wide": (ResizeMix(), "insets", (3, 0, 4), W + 1, "an inset outside"),
    "an inset that begins before the image": (StackMix(), "insets", (3, 1, 1), -1, "an inset outside"),
    "an inset of a negative width": (StackMix(), "insets", (3, 1, 4), -1, "an inset outside"),
    "an empty inset": (ResizeMix(), "insets", 3, (1, 4, 4, 0, 9), "an empty first inset"),
    "an inset of a column nobody has": (StackMix(), "insets", (3, 1, 0), 2, "an inset with a column"),
    "a source outside": (CutMix(), "regions", (3, 0, 1), H, "a region outside"),
    "a target outside": (Mosaic(), "regions", (3, 0), (1, 0, 0, H - 4, 0, 5, 5), "a region outside"),
    "a negative height": (Mosaic(), "regions", (3, 1, 5), -2, "a region outside"),
    "a column nobody has": (Mosaic(), "regions", (3, 0, 0), 4, "a region with a column"),
    "a mask nobody drew": (FMix(), "mask_of", 3, ROWS, "masks outside"),
    "no mask": (FMix(), "mask_of", 3, -1, "masks outside"),
    "curves nobody drew": (GMix(), "mask_of", 3, ROWS, "masks outside"),
    "no curves": (GMix(), "mask_of", 3, -1, "masks outside"),
}


@pytest.mark.parametrize("case", DANGEROUS)
@pytest.mark.parametrize("compiled", [False, True])
def test_what_would_read_other_memory_is_refused_by_every_feed(case: str, compiled: bool) -> None:
    method, field, row, value, message = DANGEROUS[case]
    plan = changed(plan_of(method), field, row, value)
    feed = PlanFeed(MixPolicy([method]), (0.0,) * 3, (1.0,) * 3, H, W, compiled)
    with pytest.raises(ValueError, match=f"{message}.*first in row 3 of {ROWS}"):
        feed.arrays(plan, feed.pixel_names)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_method_that_resizes_nothing_is_refused(compiled: bool) -> None:
    feed = PlanFeed(MixPolicy([ResizeMix()]), (0.0,) * 3, (1.0,) * 3, H, W, compiled)
    plan = replace(plan_of(ResizeMix()), insets=None)
    with pytest.raises(ValueError, match=f"RESIZE, but no insets, first in row 0 of {ROWS}"):
        feed.arrays(plan, feed.pixel_names)


@pytest.mark.parametrize("method", [FMix(), FMix(max_soft=0.1), GMix()], ids=str)
def test_masks_of_another_size_are_refused(method: Method) -> None:
    plan = plan_of(method)
    with pytest.raises(ValueError, match=r"masks of shape \(32, 48\) for images of 48 x 32"):
        refuse_invalid(plan, W, H)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("line", [-1, 2])
def test_a_line_that_a_mask_does_not_have_is_refused_by_every_feed(line: int, compiled: bool) -> None:
    plan = plan_of(MaskMix(block=16))
    line_of = plan.masks.line_of.copy()
    plan = replace(plan, masks=replace(plan.masks, line_of=line_of))
    feed = PlanFeed(MixPolicy([MaskMix(block=16)]), (0.0,) * 3, (1.0,) * 3, H, W, compiled)
    feed.arrays(plan, feed.pixel_names)
    line_of[3, 5] = line
    with pytest.raises(ValueError, match=f"from {min(line, 0)} to {max(line, 1)}, but packed has 2 lines"):
        feed.arrays(plan, feed.pixel_names)


LYING = {
    "labels that add up to more": (
        MixUp(),
        "weights",
        (3, 0),
        1.5,
        "weights that are negative or do not sum to 1",
    ),
    "labels that are no numbers": (
        MixUp(),
        "weights",
        (3, 0),
        np.nan,
        "weights that are negative or do not sum to 1",
    ),
    "a row that is not its own": (MixUp(), "partners", (3, 0), 4, "a first partner that is not the row"),
    "a form without a method": (MixUp(), "method", 3, -1, "no method"),
    "an inset of another area": (ResizeMix(), "insets", 3, (1, 0, 0, 1, 1), "insets whose areas"),
    "an inset of the other image": (StackMix(), "insets", (3, 1, 0), 0, "insets whose areas"),
    "a region of another area": (CutMix(), "regions", (3, 0, 5), 0, "regions whose areas"),
    "a region of its own image": (CutMix(), "regions", (3, 0, 0), 0, "regions whose areas"),
    "levels of another mean": (FMix(max_soft=0.1), "masks.numbers", 3, 31, "a mask whose mean"),
    "bits of another mean": (FMix(), "masks.packed", 3, 255, "a mask whose mean"),
    "curves of another mean": (GMix(), "curves.down", 3, 0.123, "a mask whose mean"),
    "curves above 1": (VHMixUp(), "curves.across", (3, 0, 0), 2.0, "a mask whose mean"),
}


@pytest.mark.parametrize("case", LYING)
def test_the_switch_finds_labels_that_the_pixels_do_not_have(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, field, row, value, message = LYING[case]
    plan = changed(plan_of(method), field, row, value)
    refuse_invalid(plan, H, W)  # nothing here reads other memory
    monkeypatch.setenv(SWITCH, "0")
    refuse_invalid(plan, H, W)
    monkeypatch.setenv(SWITCH, "1")
    with pytest.raises(ValueError, match=message):
        refuse_invalid(plan, H, W)


def test_the_cases_reach_every_form() -> None:
    assert {case[0].form for case in DANGEROUS.values()} == set(Form) - {Form.NONE}


@pytest.mark.parametrize("x", [np.ones((4, 3)), torch.ones(4, 3)], ids=["NumPy", "torch"])
def test_a_form_that_does_not_exist_is_refused(x: Any) -> None:
    plan = MixPolicy(MixUp(1.0)).plan(4, seed=0, epoch=0, step=0)
    with pytest.raises(ValueError, match=r"9.* is not a valid Form"):
        replace(plan, form=np.full(4, 9, np.int32)).apply(x)
