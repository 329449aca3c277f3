"""Photometric distortion: torchvision's law and pixels.

Kolmogorov-Smirnov, chi-square and binomial tests at an error rate of 1e-4 each, with fixed seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from dali_mixup.augment import PhotometricDistort, TrainTransform
from dali_mixup.augment.operations import LUMA, Actions, Kernel

ALPHA = 1e-4
ROWS = 6000
WHOLE: dict[str, Any] = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0), "hflip": 0.0, "interpolation": "nearest"}


def drawn(**changed: Any) -> list[Actions]:
    return PhotometricDistort(**changed).draw(np.random.RandomState(0), ROWS, 8, 8)


@pytest.fixture(scope="module")
def theirs() -> dict[str, list[Any]]:
    """What torchvision draws for ROWS images."""
    torch.manual_seed(1)
    transform = v2.RandomPhotometricDistort()
    image = [torch.zeros(3, 8, 8, dtype=torch.uint8)]
    params = [transform.make_params(image) for _ in range(ROWS)]
    return {name: [one[name] for one in params] for name in params[0]}


def given_to(values: list[Any]) -> list[float]:
    return [float(value) for value in values if value is not None]


def assert_as_often(ours: np.ndarray, theirs: list[Any]) -> None:
    table = [[len(ours), ROWS - len(ours)], [len(theirs), ROWS - len(theirs)]]
    assert stats.chi2_contingency(table).pvalue > ALPHA


def test_brightness_and_contrast_are_torchvisions(theirs: dict[str, list[Any]]) -> None:
    brightness, before, _, after, _ = drawn()
    early, late = before.kernel == Kernel.CONTRAST, after.kernel == Kernel.CONTRAST
    assert not (early & late).any()
    ours = {
        "brightness_factor": brightness.amount[brightness.kernel == Kernel.BRIGHTNESS],
        "contrast_factor": np.concatenate([before.amount[early], after.amount[late]]),
    }
    for name, values in ours.items():
        assert_as_often(values, given_to(theirs[name]))
        assert stats.ks_2samp(values, given_to(theirs[name])).pvalue > ALPHA
    contrasted = np.array([factor is not None for factor in theirs["contrast_factor"]])
    their_early = int((np.array(theirs["contrast_before"]) & contrasted).sum())
    assert_as_often(np.flatnonzero(early), [0] * their_early)
    assert stats.binomtest(int((early & (brightness.kernel != 0)).sum()), ROWS, 0.125).pvalue > ALPHA


def test_saturation_is_torchvisions(theirs: dict[str, list[Any]]) -> None:
    """Without hue a matrix is factor * 1 + (1 - factor) * luma, its rows in the order of the channels: in each column
    the factor stands out."""
    _, _, colours, _, _ = drawn(hue=(0, 0))
    column = colours.colour[:, :, 0]
    factors = column.max(axis=1) - np.median(column, axis=1)
    saturated = np.abs(factors - 1) > 1e-6
    assert_as_often(factors[saturated], given_to(theirs["saturation_factor"]))
    assert stats.ks_2samp(factors[saturated], given_to(theirs["saturation_factor"])).pvalue > ALPHA


def test_hue_and_the_order_of_channels_are_torchvisions(theirs: dict[str, list[Any]]) -> None:
    """Without saturation a matrix is a rotation by at most 18 degrees, then a permutation, which is
    what rounding leaves."""
    _, _, colours, after, channels = drawn(saturation=(1, 1), hue=(-0.05, 0.05))
    orders = np.rint(colours.colour[:, :, :3])
    turns = orders.transpose(0, 2, 1) @ colours.colour[:, :, :3]
    sine = (turns[:, 1, 0] - turns[:, 0, 1]) * np.sqrt(3) / 2
    angle = np.arctan2(sine, (np.trace(turns, axis1=1, axis2=2) - 1) / 2) / (2 * np.pi)
    turned = np.abs(angle) > 1e-6
    assert_as_often(angle[turned], given_to(theirs["hue_factor"]))
    assert stats.ks_2samp(angle[turned], given_to(theirs["hue_factor"])).pvalue > ALPHA

    late = channels.kernel == Kernel.COLOUR
    assert (after.kernel[late] == Kernel.CONTRAST).all(), "a layer of its own only behind contrast"
    np.testing.assert_array_equal(orders[late], np.tile(np.eye(3), (late.sum(), 1, 1)))
    orders[late] = channels.colour[late, :, :3]
    codes = np.argmax(orders, axis=2) @ [9, 3, 1]
    permutations = [
        tuple(range(3)) if p is None else tuple(p.tolist()) for p in theirs["channel_permutation"]
    ]
    names, counts = np.unique(codes, return_counts=True)
    their_names, their_counts = np.unique(np.array(permutations) @ [9, 3, 1], return_counts=True)
    assert names.tolist() == their_names.tolist() and len(names) == 6
    assert stats.chi2_contingency([counts, their_counts]).pvalue > ALPHA


# Hue is a rotation of colours here, and a shift in HSV there; nothing else differs by more than rounding, but where
# saturation is cut off before hue.
@pytest.mark.parametrize(("turns", "mean", "largest"), [(0.0, 0.4, 3), (0.05, 6, 30), (-0.03, 4, 24)])
def test_a_distorted_photograph_is_torchvisions(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
    turns: float,
    mean: float,
    largest: int,
) -> None:
    image = photographs["astronaut"].resize((96, 96))
    factors = {"brightness": (1.1, 1.1), "contrast": (0.7, 0.7), "saturation": (1.4, 1.4)}
    distort = PhotometricDistort(**factors, hue=(turns, turns), prob=1.0)
    transform = TrainTransform(96, photometric_distort=distort, **WHOLE)
    ours = trained(transform, [as_png(image)] * 16, seed=4)
    fed = dict(zip(transform.draws.names, transform.draws.arrays(16, 4, 0, 0, 0), strict=True))
    pixels, seen = F.pil_to_tensor(image), set()
    for row in range(16):
        early = bool(fed["1.kernel"][row] == Kernel.CONTRAST)
        order = fed["4.colour"][row, :, :3]
        if early:  # the permutation is the last factor of the only matrix
            order = fed["2.colour"][row, :, :3] @ np.linalg.inv(colours(1.4, turns))
        permutation = np.argmax(order, axis=1).tolist()
        params = {
            "brightness_factor": 1.1,
            "contrast_factor": 0.7,
            "saturation_factor": 1.4,
            "hue_factor": turns,
            "contrast_before": early,
            "channel_permutation": permutation,
        }
        expected = v2.RandomPhotometricDistort().transform(pixels, params).permute(1, 2, 0).numpy()
        apart = np.abs(ours[row].astype(int) - expected)
        assert apart.mean() < mean and apart.max() <= largest
        seen.add((early, *permutation))
    assert len(seen) > 5


def colours(factor: float, turns: float) -> np.ndarray:
    """(3, 3) saturation, then hue."""
    c, s = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)
    turn = c * np.eye(3) + (1 - c) / 3 + s * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return turn @ (factor * np.eye(3) + (1 - factor) * LUMA)


def test_nothing_happens_at_probability_0_and_an_option_that_is_off_draws_nothing() -> None:
    assert PhotometricDistort(prob=0).layers == ()
    plain = TrainTransform(8, color_jitter=0.4, lighting=0.1)
    with_zero = TrainTransform(
        8, color_jitter=0.4, lighting=0.1, photometric_distort=PhotometricDistort(prob=0)
    )
    assert plain.draws.names == with_zero.draws.names
    for mine, his in zip(
        plain.draws.arrays(5, 0, 0, 0, 0), with_zero.draws.arrays(5, 0, 0, 0, 0), strict=True
    ):
        np.testing.assert_array_equal(mine, his)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"brightness": 0.3}, TypeError, r"brightness=0.3, expected \(low, high\)"),
        ({"brightness": (-0.1, 1)}, ValueError, r"brightness\[0\]=-0.1"),
        ({"contrast": (1.2, 0.8)}, ValueError, r"contrast\[1\]=0.8, expected a number >= 1.2"),
        ({"saturation": (0.5, float("nan"))}, ValueError, r"saturation\[1\]=nan"),
        ({"hue": (-0.6, 0.1)}, ValueError, r"hue\[0\]=-0.6"),
        ({"hue": (0, True)}, TypeError, r"hue\[1\]=True"),
        ({"prob": 1.5}, ValueError, "prob=1.5"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        PhotometricDistort(**arguments)


def test_a_transform_takes_no_other_thing() -> None:
    with pytest.raises(TypeError, match=r"photometric_distort=0\.5, expected a PhotometricDistort or None"):
        TrainTransform(photometric_distort=0.5)  # type: ignore[arg-type]
