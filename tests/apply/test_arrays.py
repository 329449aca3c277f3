"""The reference: plans on NumPy arrays, against the arithmetic of the papers and other libraries' code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2

from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.schedule import Schedule
from dali_mixup.methods import (
    REGISTRY,
    CutMix,
    CutThumbnail,
    FMix,
    Form,
    GMix,
    HMix,
    MixUp,
    ResizeMix,
    SmoothMix,
    StackMix,
)

EVERY = [kind() for kind in REGISTRY.values()]


def plan_of(policy: Any, rows: int, *size: int, step: int = 0) -> MixPlan:
    made = (
        policy
        if isinstance(policy, MixPolicy)
        else MixPolicy(policy, granularity="sample", partners="derangement")
    )
    return made.plan(rows, *size, seed=3, epoch=0, step=step)


def noise(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, shape).astype(dtype)


class TestBlends:
    @given(
        st.integers(1, 9),
        st.lists(st.integers(0, 5), max_size=4),
        st.sampled_from(["batch", "sample"]),
        st.integers(2, 4),
        st.sampled_from([np.float16, np.float32, np.float64, np.uint8, np.int64, np.bool_, np.complex64]),
    )
    def test_any_shape_and_type_is_the_weighted_sum(
        self, rows: int, rest: list[int], granularity: Any, k: int, dtype: Any
    ) -> None:
        plan = plan_of(MixPolicy(MixUp(1.0, k=k), granularity=granularity), rows)
        x = noise(rows, *rest, dtype=dtype)
        before = x.copy()
        mixed = plan.apply(x)
        wide = np.complex128 if dtype == np.complex64 else np.float64
        expected = np.einsum("nk,nk...->n...", plan.pixel_weights.astype(wide), x[plan.partners].astype(wide))
        assert mixed.dtype == (np.float32 if np.dtype(dtype).kind in "biu" else dtype)
        assert mixed.shape == x.shape
        np.testing.assert_allclose(mixed, expected, rtol=1e-3 if dtype == np.float16 else 1e-6, atol=1e-4)
        np.testing.assert_array_equal(x, before)

    def test_half_precision_is_rounded_once(self) -> None:
        plan = plan_of(MixUp(1.0), 64)
        x = np.random.RandomState(0).random_sample((64, 50)).astype(np.float16)
        exact = np.einsum(
            "nk,nkf->nf", plan.pixel_weights.astype(np.float64), x[plan.partners].astype(np.float64)
        )
        wrong = plan.apply(x) != exact.astype(np.float16)
        assert wrong.mean() < 1e-3, "float32 sums round to another float16 only beside a tie"

    def test_the_pixel_weights_are_used_where_labels_have_others(self) -> None:
        plan = plan_of(MixUp(1.0, label_map="majority"), 5)
        x = np.eye(5)
        expected = np.zeros((5, 5))
        np.add.at(expected, (np.arange(5)[:, None], plan.partners), plan.pixel_weights)
        np.testing.assert_allclose(plan.apply(x), expected, atol=1e-6)

    @pytest.mark.filterwarnings("ignore:invalid value")
    def test_infinite_partners_without_a_share_do_not_spread(self) -> None:
        """A spectrogram in decibels has -inf where there is silence."""
        plan = plan_of(MixPolicy([MixUp(1.0), MixUp(1.0, k=3)], granularity="sample"), 40)
        x = np.full((40, 2), -np.inf)
        assert (plan.apply(x) == -np.inf).all()


class TestAgainstTorchvision:
    """The transforms of torchvision mix with the parameters that they are given."""

    def test_mixup(self) -> None:
        x = torch.from_numpy(noise(5, 3, 8, 9, dtype=np.float32))
        plan = plan_of(MixPolicy(MixUp(1.0), partners="roll"), 5, 8, 9)
        theirs = v2.MixUp(num_classes=5).transform(
            x, {"batch_size": 5, "labels": None, "lam": float(plan.weights[0, 0])}
        )
        np.testing.assert_allclose(plan.apply(x.numpy()), theirs.numpy(), rtol=1e-6)

    @pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64])
    def test_cutmix(self, dtype: Any) -> None:
        x = torch.from_numpy(noise(5, 3, 31, 22, dtype=dtype))
        for step in range(5):
            plan = plan_of(MixPolicy(CutMix(), partners="roll"), 5, 31, 22, step=step)
            y0, x0, y1, x1 = plan.boxes[0].tolist()
            given = {"batch_size": 5, "labels": None, "box": (x0, y0, x1, y1), "lam_adjusted": 0.0}
            theirs = v2.CutMix(num_classes=5).transform(x, given)
            mixed = plan.apply(x.numpy())
            assert mixed.dtype == dtype
            np.testing.assert_array_equal(mixed, theirs.numpy())


class TestResizes:
    RESIZING = (ResizeMix(), ResizeMix("openmixup"), ResizeMix("mmpretrain"), CutThumbnail(), StackMix())

    def with_pillow(self, x: np.ndarray, plan: Any) -> np.ndarray:
        expected = x.copy()
        for i, insets in enumerate(plan.insets):
            for column, top, left, height, width in insets:
                image = Image.fromarray(x[plan.partners[i, column]])
                small = image.resize((width, height), Image.Resampling.BILINEAR)
                expected[i, top : top + height, left : left + width] = small
        return expected

    @pytest.mark.parametrize("method", RESIZING, ids=repr)
    @pytest.mark.parametrize(("height", "width"), [(64, 64), (31, 53), (1, 9)])
    def test_floats_are_pillows(self, method: Any, height: int, width: int) -> None:
        x = np.random.RandomState(1).random_sample((6, height, width)).astype(np.float32)
        plan = plan_of(method, 6, height, width)
        np.testing.assert_allclose(plan.apply(x), self.with_pillow(x, plan), atol=1e-6)

    @pytest.mark.parametrize("method", RESIZING, ids=repr)
    def test_integers_are_pillows_to_its_intermediate_rounding(self, method: Any) -> None:
        x = noise(6, 70, 66, 3)
        plan = plan_of(method, 6, 70, 66)
        mixed = plan.apply(x)
        assert mixed.dtype == np.uint8
        apart = abs(mixed.astype(int) - self.with_pillow(x, plan))
        assert apart.max() <= 1 and apart.mean((1, 2, 3)).max() < 0.2

    def test_ties_round_up_whatever_the_order_of_the_sum(self) -> None:
        plan = plan_of(ResizeMix(scope=(0.5, 0.5)), 2, 8, 8)
        x = np.stack([np.zeros((8, 8), np.uint8), np.tile(np.uint8([0, 1]), (8, 4))])
        y0, x0, y1, x1 = plan.boxes[0]
        small = plan.apply(x)[0, y0:y1, x0:x1]
        assert small.shape == (4, 4) and (small[:, 1:3] == 1).all(), "halves"


class TestMasks:
    @pytest.mark.parametrize("method", [FMix(), FMix(max_soft=0.3), GMix(), HMix(), SmoothMix()], ids=repr)
    @pytest.mark.parametrize("granularity", ["batch", "pair", "sample"])
    def test_each_pixel_is_the_masks_mixture(self, method: Any, granularity: Any) -> None:
        plan = plan_of(MixPolicy(method, granularity=granularity), 5, 30, 21)
        x = noise(5, 30, 21, 2, dtype=np.float64)
        for i, mixed in enumerate(plan.apply(x)):
            if plan.mixed[i]:
                mask = plan.mask(i).astype(np.float64)[:, :, None]
                np.testing.assert_allclose(
                    mixed, mask * x[i] + (1 - mask) * x[plan.partners[i, 1]], atol=1e-9
                )
            else:
                np.testing.assert_array_equal(mixed, x[i])

    def test_a_hard_mask_copies_numbers_of_any_type(self) -> None:
        plan = plan_of(FMix(), 4, 20, 21)
        x = noise(4, 20, 21, dtype=np.int64) + (1 << 60)
        mixed = plan.apply(x)
        assert mixed.dtype == np.int64
        assert all(np.isin(mixed[i], (x[i], x[plan.partners[i, 1]])).all() for i in range(4))


class TestTypes:
    def test_a_policy_gives_one_type_whatever_a_batch_draws(self) -> None:
        policy = MixPolicy([MixUp(), CutMix()], schedule=Schedule(start=1))
        x = noise(4, 8, 9, 3)
        drawn = [policy.plan(4, 8, 9, seed=0, epoch=epoch, step=s) for epoch in (0, 1) for s in range(8)]
        assert {int(form) for plan in drawn for form in plan.form} == {Form.NONE, Form.BLEND, Form.PASTE}
        assert {plan.apply(x).dtype for plan in drawn} == {np.dtype(np.float32)}

    def test_a_batch_that_is_not_mixed_is_handed_back(self) -> None:
        x = noise(4, 8, 9, 3)
        assert plan_of(MixPolicy(CutMix(), prob=0.0), 4, 8, 9).apply(x) is x
        np.testing.assert_array_equal(plan_of(MixPolicy(MixUp(), prob=0.0), 4).apply(x), x.astype(np.float32))

    def test_read_only_reversed_and_big_endian_arrays(self) -> None:
        plan = plan_of(EVERY, 20, 12, 13)
        x = noise(20, 12, 13, 3, dtype=np.float64)
        expected = plan.apply(x)
        given = x[:, ::-1].copy()[:, ::-1].astype(">f8")
        given.flags.writeable = False
        np.testing.assert_array_equal(plan.apply(given), expected)


class TestBeyondTheBatch:
    def test_partners_come_from_the_other_rows(self) -> None:
        plan = plan_of(MixUp(lam=0.25), 3)
        partners = plan.partners.copy()
        partners[:, 1] = [4, 3, 0]
        plan = replace(plan, partners=partners)
        x, others = np.arange(3.0)[:, None], np.array([[10.0], [20.0]])
        assert plan.apply(x, others=others).tolist() == [[15.0], [7.75], [0.5]]
        with pytest.raises(ValueError, match="others="):
            plan.apply(x)
        with pytest.raises(ValueError, match="others= has only 1"):
            plan.apply(x, others=others[:1])
        with pytest.raises(ValueError, match=r"others has shape \(2,\)"):
            plan.apply(x, others=np.zeros(2))
        with pytest.raises(TypeError, match=r"others is a ndarray of float32, expected a ndarray of float64"):
            plan.apply(x, others=others.astype(np.float32))
        with pytest.raises(TypeError, match=r"others is a Tensor of torch\.float64"):
            plan.apply(x, others=torch.from_numpy(others))


class TestRefused:
    @pytest.mark.parametrize(
        ("x", "error", "message"),
        [
            ([np.zeros(3), np.zeros(4)], TypeError, r"shapes \[\(3,\), \(4,\)\].*pad or crop"),
            (np.array([np.zeros(3), np.zeros(4)], dtype=object), TypeError, "2 objects.*pad or crop"),
            ([np.zeros(3), np.zeros(3)], TypeError, "np.stack"),
            ([[1.0, 2.0], [3.0]], TypeError, "list"),
            (np.array(["a", "b"]), TypeError, "expected numbers"),
            (np.ma.masked_array(np.zeros((2, 3)), mask=True), TypeError, r"masked array.*x\.filled\(0\)"),
            (np.zeros((3, 4)), ValueError, r"shape \(3, 4\).*2 rows"),
            (np.float64(3), TypeError, "float64"),
            (np.zeros(()), ValueError, "2 rows"),
            (None, TypeError, "NoneType"),
        ],
    )
    def test_anything_but_one_array_of_the_rows(self, x: Any, error: Any, message: str) -> None:
        with pytest.raises(error, match=message):
            plan_of(MixUp(), 2).apply(x)

    def test_a_plan_that_does_not_fit_its_images(self) -> None:
        plan = plan_of(CutMix(), 4, 8, 9)
        regions = plan.regions.copy()
        regions[2, 0, 5] = 9
        with pytest.raises(ValueError, match=r"a region outside .* row 2"):
            replace(plan, regions=regions).apply(noise(4, 8, 9, 3))
