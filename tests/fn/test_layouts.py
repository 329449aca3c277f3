"""fn.mix of rows that are not images: what `MixPlan.apply` makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dali_mixup import MixPolicy, MixUp, Output
from dali_mixup.methods import REGISTRY, Form, ResizeMix, StackMix
from tests.fn.rows import SEED, mixed

ROWS, H, W = 7, 66, 70
ALL = [method() for method in REGISTRY.values()]
PASTING = [method for method in ALL if method.form == Form.PASTE]
LAYOUTS = {
    "FHWC": (3, H, W, 3),
    "FCHW": (2, 3, H, W),
    "CFHW": (3, 2, H, W),
    "DHW": (5, H, W),
    "CDHW": (2, 3, H, W),
    "HW": (H, W),
    "HWD": (H, W, 5),
    "FHW": (1, H, W),
    "ABHWC": (2, 2, H, W, 1),
}


def noise(shape: tuple[int, ...], dtype: Any = np.uint8, rows: int = ROWS) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (rows, *shape)).astype(dtype)


def applied(policy: MixPolicy, rows: np.ndarray, layout: str, step: int) -> np.ndarray:
    axes = tuple(1 + layout.index(axis) for axis in "HW" if axis in layout)
    height, width = (H, W) if len(axes) == 2 else (1, W)
    plan = policy.plan(len(rows), height, width, seed=SEED, epoch=0, step=step)
    return plan.apply(rows, axes=axes)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_form_in_every_layout(layout: str) -> None:
    """Resized images, which DALI rounds by itself, come below."""
    methods = [MixUp(1.0, k=3), *(method for method in ALL if method.form != Form.RESIZE)]
    policy = MixPolicy(methods, granularity="sample", prob=0.9)
    rows, forms = noise(LAYOUTS[layout]), set()
    for step, (made, _) in enumerate(mixed(rows, policy, 3, layout=layout, image_size=(H, W))):
        assert made.dtype == np.float32
        np.testing.assert_allclose(made, applied(policy, rows, layout, step), rtol=1e-6, atol=1e-4)
        forms |= set(policy.plan(ROWS, H, W, seed=SEED, epoch=0, step=step).form.tolist())
    assert forms >= {Form.BLEND, Form.PASTE, Form.MASK, Form.SEPARABLE}


@pytest.mark.parametrize("granularity", ["batch", "sample"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_pasted_boxes_are_copied_bit_by_bit_in_every_frame(dtype: Any, granularity: str) -> None:
    policy, rows = MixPolicy(PASTING, granularity=granularity), noise(LAYOUTS["FHWC"], dtype)
    for step, (made, _) in enumerate(mixed(rows, policy, 3, layout="FHWC", image_size=(H, W))):
        np.testing.assert_array_equal(made, applied(policy, rows, "FHWC", step))


def test_a_box_is_the_same_in_all_frames() -> None:
    policy = MixPolicy(PASTING, granularity="sample")
    rows = np.broadcast_to(noise((1, H, W, 3)), (ROWS, 4, H, W, 3)).copy()  # still clips
    ((made, _),) = mixed(rows, policy, layout="FHWC", image_size=(H, W))
    assert (made == made[:, :1]).all() and (made != rows).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_resized_clips_are_their_resized_frames(dtype: Any) -> None:
    policy = MixPolicy([ResizeMix(), StackMix()], granularity="sample", partners="derangement")
    rows = noise(LAYOUTS["FHWC"], dtype, 4)
    clips = mixed(rows, policy, 2, layout="FHWC", image_size=(H, W))
    for frame in range(rows.shape[1]):
        images = mixed(np.ascontiguousarray(rows[:, frame]), policy, 2, image_size=(H, W))
        for (clip, _), (image, _) in zip(clips, images, strict=True):
            np.testing.assert_array_equal(clip[:, frame], image)
            assert (image != rows[:, frame]).any()


@pytest.mark.parametrize(
    ("layout", "last", "back"),
    [
        ("FHWC", True, (0, 1, 2, 3, 4)),
        ("FHWC", False, (0, 4, 1, 2, 3)),
        ("FCHW", False, (0, 2, 1, 3, 4)),
        ("CFHW", False, (0, 1, 2, 3, 4)),
        ("CDHW", True, (0, 2, 3, 4, 1)),
    ],
)
def test_channels_are_normalised_each_by_its_own_numbers(
    layout: str, last: bool, back: tuple[int, ...]
) -> None:
    channels = LAYOUTS[layout][layout.index("C")]
    mean, std = np.arange(1.0, 1 + channels) * 40, np.arange(1.0, 1 + channels) * 20
    policy = MixPolicy([m for m in ALL if m.form != Form.RESIZE], granularity="sample")
    rows = noise(LAYOUTS[layout])
    output = Output(tuple(mean), tuple(std), channels_last=last)
    ((made, _),) = mixed(rows, policy, layout=layout, image_size=(H, W), output=output)
    each = tuple(-1 if axis == "C" else 1 for axis in layout)
    expected = (applied(policy, rows, layout, 0) - mean.reshape(each)) / std.reshape(each)
    np.testing.assert_allclose(made, expected.transpose(back), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((1,), None),
        ((9,), None),
        ((), None),
        ((400,), None),
        ((400, 2), "TC"),
        ((2, 400), "CT"),
        ((40, 98), None),
        ((2, 3, 4, 5, 6), None),
        ((0,), None),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint16, np.uint8])
def test_rows_of_any_shape_are_blended(shape: tuple[int, ...], layout: str | None, dtype: Any) -> None:
    policy = MixPolicy([MixUp(0.7), MixUp(1.0, k=3)], granularity="sample")
    rows = np.asarray(np.random.RandomState(0).uniform(0, 200, (ROWS, *shape))).astype(dtype)
    for step, (made, _) in enumerate(mixed(rows, policy, 2, layout=layout)):
        plan = policy.plan(ROWS, seed=SEED, epoch=0, step=step)
        assert made.shape == rows.shape
        np.testing.assert_allclose(made, plan.apply(rows), rtol=1e-5, atol=1e-5)


def test_large_numbers_survive_a_weight_of_zero() -> None:
    """Blending divides by the own weight."""
    rows = np.array([[-(2**31), 5], [2**31 - 1, 7]], np.int32)
    ((made, targets),) = mixed(rows, MixPolicy(MixUp(lam=0.0), partners="roll"))
    np.testing.assert_array_equal(targets, [[0, 1], [1, 0]])
    np.testing.assert_allclose(made, rows[::-1], rtol=1e-6)


def test_sound_is_cut_along_its_one_axis() -> None:
    """A height of 1: methods whose boxes have the full height of the image."""
    methods = [method for method in ALL if method.name in ("vhmixup", "maskmix", "fmix")]
    policy = MixPolicy(methods, granularity="sample")
    for layout, shape in (("W", (W,)), ("WC", (W, 2)), ("CW", (2, W))):
        rows = noise(shape, np.int16)
        ((made, _),) = mixed(rows, policy, layout=layout, image_size=(1, W))
        np.testing.assert_allclose(made, applied(policy, rows, layout, 0), rtol=1e-6, atol=1e-4)
        assert (made != rows).any()


def test_half_precision_comes_in_and_out() -> None:
    policy, rows = MixPolicy(ALL, granularity="sample"), noise(LAYOUTS["FHWC"], np.float16)
    output = Output(0.0, 1.0, "float16", channels_last=True)
    options = {"layout": "FHWC", "image_size": (H, W), "half_images": True}
    ((made, _),), ((whole, _),) = (
        mixed(rows, policy, output=output, **options),
        mixed(rows, policy, **options),
    )
    assert made.dtype == np.float16
    np.testing.assert_allclose(made, whole, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_small_batch(rows: int) -> None:
    policy, clips = MixPolicy(ALL, granularity="sample"), noise(LAYOUTS["FHWC"], rows=rows)
    ((made, targets),) = mixed(clips, policy, layout="FHWC", image_size=(H, W))
    assert made.shape == clips.shape and targets.shape == (rows, rows)
    if rows == 1:
        np.testing.assert_array_equal(made, clips)


@pytest.mark.gpu
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_gpu_makes_the_same_rows_to_one_rounding_step(layout: str) -> None:
    policy, rows = MixPolicy(ALL, granularity="sample"), noise(LAYOUTS[layout])
    options = {"layout": layout, "image_size": (H, W)}
    for cpu, gpu in zip(
        mixed(rows, policy, 3, **options), mixed(rows, policy, 3, device="gpu", **options), strict=True
    ):
        np.testing.assert_allclose(gpu[0], cpu[0], atol=1.0)
        np.testing.assert_allclose(gpu[1], cpu[1], atol=1e-6)


class TestErrors:
    @pytest.mark.parametrize(
        ("shapes", "options", "message"),
        [
            ([(5,), (6,)], {}, r"rows of shapes \(5,\) and \(6,\) in one batch.*pad or crop"),
            (
                [(3, 8, 8, 3), (4, 8, 8, 3)],
                {"layout": "FHWC", "image_size": 8},
                r"\(3, 8, 8, 3\) and \(4, 8, 8, 3\) in one batch.*pad or crop",
            ),
            ([(3, 8, 8, 3)] * 2, {"image_size": 8}, "images of 4 dimensions; expected HWC"),
            ([(8, 8)] * 2, {"image_size": 8}, "images of 2 dimensions; expected HWC"),
            ([(8, 8, 3)] * 2, {"layout": "FHWC", "image_size": 8}, "rows of 3 dimensions; expected FHWC"),
            (
                [(3, 8, 9, 3)] * 2,
                {"layout": "FHWC", "image_size": 8},
                r"a row of 8 x 9 pixels .FHWC shape \(3, 8, 9, 3\).*image_size=\(8, 8\)",
            ),
            ([(9,)] * 2, {"layout": "W", "image_size": (1, 8)}, r"a row of 9 pixels .W shape \(9,\)"),
            (
                [(3, 8, 8, 2)] * 2,
                {"layout": "FHWC", "image_size": 8, "output": Output()},
                "rows of 2 channels, but output has 3 means",
            ),
        ],
    )
    def test_rows_that_do_not_fit_end_the_run(
        self, shapes: list[tuple[int, ...]], options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(RuntimeError, match=message):
            mixed([np.zeros(shape, np.float32) for shape in shapes], MixPolicy(MixUp()), **options)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "no image_size, but cutmix mixes parts of images; give image_size"),
            ({"layout": "FHWC"}, "no image_size, but cutmix"),
            ({"layout": "W", "image_size": 8}, r"layout='W', which has no H; expected \(1, width\)"),
            ({"layout": "HW", "image_size": 8, "output": Output()}, "layout='HW' has no channels"),
            ({"layout": 4, "image_size": 8}, "layout=4, expected a string"),
            ({"image_size": 8, "return_plan": "yes"}, "return_plan='yes'"),
        ],
    )
    def test_arguments_that_do_not_fit_are_refused_when_the_graph_is_built(
        self, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises((TypeError, ValueError), match=message):
            mixed(np.zeros((2, 8, 8, 3), np.float32), MixPolicy(REGISTRY["cutmix"]()), **options)
