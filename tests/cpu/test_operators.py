"""The compiled kernels inside DALI graphs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Any

import numpy as np
import pytest
from nvidia.dali import Pipeline, fn, types
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, resize

from dali_mixup._graph.feed_kernels import normalising
from dali_mixup.methods import Form

operators = pytest.importorskip("dali_mixup._cpu.operators")

MEAN, STD = (120.0, 110.0, 100.0), (60.0, 57.0, 55.0)
FLOAT = types.DALIDataType.FLOAT
RNG = np.random.RandomState(3)
WINDOWS = [RNG.randint(0, 256, (30 + 7 * i, 90 - 9 * i, 3)).astype(np.uint8) for i in range(6)]
SQUARES = RNG.randint(0, 256, (6, 12, 20, 3)).astype(np.uint8)


def ran(graph: Callable[..., Any], *inputs: Any) -> list[np.ndarray]:
    """The outputs of a graph over the inputs, batches of six rows."""
    pipe = Pipeline(batch_size=6, num_threads=3, device_id=None)
    with pipe:
        outputs = graph(*(fn.external_source(source=repeat(given)) for given in inputs))
        pipe.set_outputs(*outputs)
    pipe.build()
    pipe.run()
    return [np.stack([np.array(row) for row in out]) for out in pipe.run()]


def test_each_window_is_resized_and_flipped_by_its_own_coin() -> None:
    coins = np.array([0, 1, 2, 3, 1, 0], np.int32)
    (got,) = ran(lambda x, f: [operators.resized(x, (24, 32), "bilinear", f)], WINDOWS, coins)
    for i, window in enumerate(WINDOWS):
        pillow = np.asarray(Image.fromarray(window).resize((32, 24), Image.Resampling.BILINEAR)).astype(int)
        pillow = pillow[:, ::-1] if coins[i] & 1 else pillow
        assert np.abs(got[i] - (pillow[::-1] if coins[i] & 2 else pillow)).max() <= 1


def test_the_size_may_come_with_the_batch() -> None:
    sizes = np.full((6, 2), (9, 14), np.float32)
    fed, fixed = ran(
        lambda x, s: [
            operators.resized(x, s, "bicubic", None),
            operators.resized(x, (9, 14), "bicubic", None),
        ],
        WINDOWS,
        sizes,
    )
    np.testing.assert_array_equal(fed, fixed)


@pytest.mark.parametrize("partners", range(8))
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_images_are_weighted_and_normalised_in_one_pass(partners: int, layout: str) -> None:
    weights = RNG.dirichlet(np.ones(partners + 1), size=6)
    mixed_in = RNG.randint(0, 6, (6, partners))
    got = blended(weights, mixed_in, layout)
    exact = weights[:, 0, None, None, None] * SQUARES
    for j in range(partners):
        exact = exact + weights[:, j + 1, None, None, None] * SQUARES[mixed_in[:, j]]
    exact = (exact - MEAN) / STD
    np.testing.assert_allclose(got, exact if layout == "HWC" else exact.transpose(0, 3, 1, 2), atol=3e-6)


def test_a_weight_of_zero_leaves_the_other_image_bit_by_bit() -> None:
    got = blended(np.eye(1, 2).repeat(6, axis=0), np.arange(6)[::-1, None], "CHW")
    (plain,) = ran(
        lambda c, x: [operators.normalised(x, c, FLOAT, "CHW")],
        np.tile(normalising(MEAN, STD), (6, 1, 1)),
        SQUARES,
    )
    np.testing.assert_array_equal(got, plain)


def blended(weights: np.ndarray, mixed_in: np.ndarray, layout: str) -> np.ndarray:
    """Normalised sums of the squares and of the rows `mixed_in` (6, k - 1) of them, by weights (6, k)."""
    coefficients = np.concatenate(
        [weights[:, :, None] / STD, np.tile(normalising(MEAN, STD)[1], (6, 1, 1))], axis=1
    ).astype(np.float32)
    rows = np.concatenate([mixed_in, np.zeros((6, 1))], axis=1).astype(np.int32)
    steps = np.zeros((6, 1, 7), np.int32)
    steps[:, 0, 0] = Form.BLEND
    (got,) = ran(
        lambda c, x, r, m, s: [operators.finished(x, r, m, c, s, FLOAT, layout)],
        coefficients,
        SQUARES,
        rows,
        np.zeros((6, 4), np.uint8),
        steps,
    )
    return got


def test_a_window_of_a_resized_image_is_the_part_of_the_whole_flipped_or_not() -> None:
    sizes = np.array([(40, 50)] * 6, np.int64)
    starts = np.array([(0, 0), (16, 18), (3, 5), (16, 0), (0, 18), (9, 9)], np.int64)
    flips, window = np.array([0, 1, 2, 3, 0, 1], np.int32), np.full((6, 2), (24, 32), np.float32)
    whole, plain, turned, fed = ran(
        lambda x, s, t, f, w: [
            operators.resized(x, (40, 50), "bicubic", None),
            operators.resized_window(x, (24, 32), "bicubic", s, t, None),
            operators.resized_window(x, (24, 32), "bicubic", s, t, f),
            operators.resized_window(x, w, "bicubic", s, t, f),
        ],
        WINDOWS,
        sizes,
        starts,
        flips,
        window,
    )
    np.testing.assert_array_equal(turned, fed)
    for image, (y, x), one, other, flip in zip(whole, starts, plain, turned, flips, strict=True):
        part = image[y : y + 24, x : x + 32]
        np.testing.assert_array_equal(one, part)
        part = part[:, ::-1] if flip & 1 else part
        np.testing.assert_array_equal(other, part[::-1] if flip & 2 else part)


@pytest.mark.parametrize("shorter", [32, 33, 36, 47, 90])
def test_the_centre_is_that_of_torchvisions_resize_and_crop(shorter: int) -> None:
    (got,) = ran(lambda x: [operators.resized_centre(x, (24, 32), "bilinear", shorter)], WINDOWS)
    for window, centre in zip(WINDOWS, got, strict=True):
        resized = resize(Image.fromarray(window), [shorter], InterpolationMode.BILINEAR)
        expected = np.asarray(center_crop(resized, [24, 32])).astype(int)
        assert np.abs(centre - expected).max() <= 1  # Pillow's weights are fixed-point numbers


def test_it_is_what_dali_normalises_and_float16_is_that_rounded() -> None:
    plain = np.tile(normalising(MEAN, STD), (6, 1, 1))
    ours, half, dali = ran(
        lambda c, x: [
            operators.normalised(x, c, FLOAT, "CHW"),
            operators.normalised(x, c, types.DALIDataType.FLOAT16, "CHW"),
            fn.crop_mirror_normalize(fn.reshape(x, layout="HWC"), mean=list(MEAN), std=list(STD)),
        ],
        plain,
        SQUARES,
    )
    np.testing.assert_allclose(ours, dali, atol=1e-6)
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, ours.astype(np.float16))
