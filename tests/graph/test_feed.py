"""What is fed to the graph, for the corners that only DALI's GPU kernels punish."""

from __future__ import annotations

import numpy as np
import pytest

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.feed_operators import of_curves
from dali_mixup.methods import (
    REGISTRY,
    RICAP,
    CutMix,
    FMix,
    Form,
    GMix,
    HMix,
    MaskMix,
    Method,
    MixUp,
    Mosaic,
    ResizeMix,
    StackMix,
    VHMixUp,
)

H, W = 48, 64


def arrays_of(policy: MixPolicy, step: int = 0, rows: int = 32) -> dict[str, np.ndarray]:
    feed = PlanFeed(policy, (0.0,) * 3, (1.0,) * 3, H, W)
    plan = policy.plan(rows, H, W, seed=0, epoch=0, step=step)
    return dict(zip(feed.pixel_names, feed.arrays(plan, feed.pixel_names), strict=True))


@pytest.mark.parametrize("methods", [[CutMix(1.0)], [CutMix(1.0), Mosaic()], [CutMix(1.0), RICAP()]], ids=str)
def test_empty_rectangles_come_first_and_read_nothing_outside(methods: list) -> None:
    seen = 0
    for step in range(8):
        fed = arrays_of(MixPolicy(methods, granularity="sample", prob=0.7), step)
        full = (fed["paste_shape"] > 0).all(2)
        assert (
            np.diff(full.astype(int), axis=1) >= 0
        ).all()  # empty ones, then the whole image and the others
        assert not fed["paste_from"][~full].any() and not fed["paste_to"][~full].any()
        seen += int((~full).sum())
    assert seen


def test_a_resized_image_stands_where_it_is_pasted_from() -> None:
    """A canvas begins at `resize_start` as the small image counts, so pixel 0 of the small image is at -start."""
    fed = arrays_of(MixPolicy([ResizeMix(), StackMix()], granularity="sample", partners="derangement"))
    for t in (1, 2):
        np.testing.assert_array_equal(-fed[f"resize_start{t}"], fed["resize_to"][:, t])
        np.testing.assert_array_equal(fed["resize_shape"][:, t], fed[f"resize_size{t}"])
    assert (fed["resize_to"] + fed["resize_shape"] <= [H, W]).all() and (fed["resize_shape"] > 0).all()


def test_a_row_with_fewer_insets_has_its_last_once_more() -> None:
    policy = MixPolicy([MixUp(1.0, k=4), ResizeMix(), StackMix()], granularity="sample", prob=0.8)
    plan = policy.plan(32, H, W, seed=0, epoch=0, step=0)
    feed = PlanFeed(policy, (0.0,) * 3, (1.0,) * 3, H, W)
    names = ("gather1", "gather2", "gather3", "resize_to", "resize_shape", "is_resize")
    first, second, third, to, shape, is_resize = feed.arrays(plan, names)
    for row, method in enumerate(plan.method.tolist()):
        own, partner = plan.partners[row, :2]
        assert is_resize[row] == (method > 0)
        if method == 1:
            assert first[row] == second[row] == partner
            np.testing.assert_array_equal(to[row, 1], to[row, 2])
            np.testing.assert_array_equal(shape[row, 1], shape[row, 2])
        elif method == 2:
            assert (first[row], second[row]) == (own, partner)
            np.testing.assert_array_equal(to[row], [[0, 0], [0, 0], [H // 2, 0]])
            np.testing.assert_array_equal(shape[row], [[H, W], [H // 2, W], [H // 2, W]])
        else:
            assert [first[row], second[row], third[row]] == plan.partners[row, 1:].tolist()


@pytest.mark.parametrize("granularity", ["batch", "pair", "sample"])
@pytest.mark.parametrize(
    "methods", [[GMix(), FMix()], [CutMix(), FMix(max_soft=0.2), MaskMix(block=16)]], ids=str
)
def test_each_mask_is_fed_once_and_found_by_every_row_that_has_it(methods: list, granularity: str) -> None:
    policy = MixPolicy(methods, granularity=granularity, prob=0.8)
    feed = PlanFeed(policy, (0.0,) * 3, (1.0,) * 3, H, W)
    masked = 0
    for step in range(8):
        plan = policy.plan(33, H, W, seed=0, epoch=0, step=step)
        is_mask, masks, at, wide = feed.arrays(plan, ("is_mask", "mask", "mask_at", "mask_width"))
        rows = np.flatnonzero(is_mask)
        for place, row in enumerate(rows):
            source = rows[at[row]] if feed.masks_are_shared else rows[place]
            given = masks[source][:, :, 0]
            if feed.masks_are_hard:
                given = np.unpackbits(given, axis=1)[:, : wide[source, 0]]
            else:
                given = given * np.float32(1 / 255)
            np.testing.assert_array_equal(given, plan.mask(row))
        assert sum(mask.size > 1 for mask in masks) == len(set(plan.mask_of[rows]))
        masked += len(rows)
    assert masked


@pytest.mark.parametrize("method", [GMix(), HMix(), VHMixUp()], ids=str)
def test_curves_are_fed_for_every_row_and_make_its_mask(method: Method) -> None:
    plan = MixPolicy([method], granularity="sample", prob=0.8).plan(33, H, W, seed=0, epoch=0, step=0)
    fed = of_curves(plan, H, W)
    made = fed["curve_d"] * fed["curve_a"] + fed["curve_u"] + fed["curve_v"]
    for row in range(33):
        expected = plan.mask(row) if fed["is_separable"][row] else 0
        np.testing.assert_array_equal(made[row, :, :, 0], expected)


FED = {name: kind() for name, kind in REGISTRY.items() if kind.form in (Form.MASK, Form.SEPARABLE)}
FED["soft"] = FMix(max_soft=0.2)


def most(name: str, compiled: bool) -> int:
    """Bytes of masks for 256 rows of 224 x 224 pixels, and what else is fed."""
    rows, side, others = 256, 224, 160 * 256
    if FED[name].form == Form.SEPARABLE:
        return 4 * rows * 4 * side + others  # two float32 of each line and of each column
    if name == "soft":
        return rows * side * side + others  # a byte per pixel
    lines = 4 * rows * side if compiled else 0  # which line each row of a mask has, int32
    return rows * side * side // 8 + lines + others  # a bit per pixel


@pytest.mark.parametrize("granularity", ["batch", "sample"])
@pytest.mark.parametrize("name", sorted(FED))
def test_what_is_fed_of_masks_is_small(name: str, granularity: str) -> None:
    """One float32 per pixel would be 51 MB."""
    policy = MixPolicy([FED[name]], granularity=granularity)
    plan = policy.plan(256, 224, 224, seed=0, epoch=0, step=0)
    for compiled in (False, True):
        feed = PlanFeed(policy, (0.0,) * 3, (1.0,) * 3, 224, 224, compiled)
        fed = feed.arrays(plan, feed.pixel_names)
        assert sum(sum(row.nbytes for row in rows) for rows in fed) < most(name, compiled)


@pytest.mark.parametrize(
    ("methods", "width"),
    [([FMix()], 8), ([FMix(max_soft=0.1)], 64), ([FMix(), FMix(max_soft=0.1)], 64)],
    ids=str,
)
def test_hard_masks_are_bits_unless_the_policy_has_others(methods: list, width: int) -> None:
    """One form in every batch, whichever methods it drew: a graph has one."""
    for granularity in ("batch", "sample"):
        policy = MixPolicy(methods, granularity=granularity, prob=0.7)
        for step in range(6):
            masks = arrays_of(policy, step)["mask"]
            assert {mask.dtype for mask in masks} == {np.dtype(np.uint8)}
            assert {mask.shape for mask in masks} <= {(H, width, 1), (1, 1, 1)}
