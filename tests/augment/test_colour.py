"""Colour jitter, lighting, greyscale, solarise and blur as torchvision and the papers have them.

Kolmogorov-Smirnov and binomial tests at an error rate of 1e-4 each, with fixed seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as F
from PIL import Image, ImageFilter, ImageOps
from scipy import stats
from torchvision.transforms import ColorJitter

from dali_mixup.augment import TrainTransform
from dali_mixup.augment.colour import PCA_VALUES, PCA_VECTORS, ColourJitter, Lighting
from dali_mixup.augment.operations import MOST_SIGMA, Kernel
from dali_mixup.augment.stage import Chance

ALPHA = 1e-4
WHOLE: dict[str, Any] = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0), "hflip": 0.0, "interpolation": "nearest"}
ROWS = 6000


def test_factors_and_their_order_are_torchvisions() -> None:
    jitter = ColourJitter((0.4, 1.3, 0.2, 0.1))
    layers = jitter.draw(np.random.RandomState(0), ROWS, 8, 8)
    torch.manual_seed(3)
    theirs = [ColorJitter.get_params((0.6, 1.4), (0, 2.3), (0.8, 1.2), (-0.1, 0.1)) for _ in range(ROWS)]
    place = {"contrast": [], "brightness": []}
    for actions in layers:
        is_contrast = actions.kernel == Kernel.CONTRAST
        is_brightness = actions.kernel == Kernel.BRIGHTNESS
        place["contrast"].append(is_contrast)
        place["brightness"].append(is_brightness)
    contrast = np.concatenate([a.amount[m] for a, m in zip(layers, place["contrast"], strict=True)])
    brightness = np.concatenate([a.amount[m] for a, m in zip(layers, place["brightness"], strict=True)])
    assert len(contrast) == len(brightness) == ROWS
    assert stats.ks_2samp(contrast, [p[2] for p in theirs]).pvalue > ALPHA
    assert stats.ks_2samp(brightness, [p[1] for p in theirs]).pvalue > ALPHA
    for name, index in (("brightness", 0), ("contrast", 1)):
        ours_at = [int(mask.sum()) for mask in place[name]]
        theirs_at = np.bincount([p[0].tolist().index(index) for p in theirs], minlength=4)
        assert stats.chi2_contingency([ours_at, theirs_at]).pvalue > ALPHA


def test_a_jittered_photograph_is_torchvisions(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
) -> None:
    """The same factors in the same order by torchvision's functions: both round after each step."""
    image = photographs["astronaut"]  # square: the whole image is the only window
    transform = TrainTransform(512, color_jitter=(0.4, 0.4, 0.4), **WHOLE)
    ours = trained(transform, [as_png(image)] * 8, seed=4)
    fed = dict(zip(transform.draws.names, transform.draws.arrays(8, 4, 0, 0, 0), strict=True))
    orders = set()
    for row in range(8):
        expected, order = image, ""
        for layer in range(3):
            kernel, matrix = fed[f"{layer}.kernel"][row], fed[f"{layer}.colour"][row]
            if kernel == Kernel.CONTRAST:
                expected, order = F.adjust_contrast(expected, float(fed[f"{layer}.amount"][row])), order + "c"
            elif kernel == Kernel.BRIGHTNESS:
                expected, order = (
                    F.adjust_brightness(expected, float(fed[f"{layer}.amount"][row])),
                    order + "b",
                )
            else:
                factor = float(matrix[0, 0] - matrix[1, 0])
                expected, order = F.adjust_saturation(expected, factor), order + "s"
        apart = np.abs(ours[row].astype(int) - np.asarray(expected).astype(int))
        assert apart.mean() < 0.8 and apart.max() <= 4
        orders.add(order)
    assert len(orders) > 2


def test_jitter_is_as_frequent_as_asked() -> None:
    layers = ColourJitter((0.4, 0.4, 0.4, 0.0), prob=0.3).draw(np.random.RandomState(1), ROWS, 8, 8)
    touched = np.stack([actions.kernel != Kernel.NONE for actions in layers])
    assert (touched.all(axis=0) == touched.any(axis=0)).all()
    assert stats.binomtest(int(touched[0].sum()), ROWS, 0.3).pvalue > ALPHA


def test_lighting_has_the_covariance_of_its_formula() -> None:
    (actions,) = Lighting(0.1).draw(np.random.RandomState(2), ROWS, 8, 8)
    shifts = actions.colour[:, :, 3]
    expected = (255 * 0.1) ** 2 * PCA_VECTORS @ np.diag(PCA_VALUES**2) @ PCA_VECTORS.T
    assert np.allclose(np.cov(shifts.T), expected, rtol=0.1, atol=0.02 * expected.max())
    assert np.allclose(PCA_VECTORS.T @ PCA_VECTORS, np.eye(3), atol=2e-3)
    direction = shifts @ PCA_VECTORS[:, 0] / (255 * 0.1 * PCA_VALUES[0])
    assert stats.kstest(direction, "norm").pvalue > ALPHA


def test_lighting_adds_one_colour_to_the_whole_image(
    as_png: Callable[[Image.Image], bytes], trained: Callable[..., np.ndarray]
) -> None:
    grey = Image.new("RGB", (8, 8), (120, 130, 140))
    transform = TrainTransform(8, lighting=0.1, **WHOLE)
    out = trained(transform, [as_png(grey)] * 6, seed=1)
    (colour,) = [
        a
        for n, a in zip(transform.draws.names, transform.draws.arrays(6, 1, 0, 0, 0), strict=True)
        if "colour" in n
    ]
    expected = np.rint(np.array([120, 130, 140]) + colour[:, :, 3])
    assert np.abs(out - expected[:, None, None, :]).max() <= 1
    assert len(np.unique(out.reshape(6, -1), axis=0)) == 6


@pytest.mark.parametrize(
    ("option", "pillow", "tolerance"),
    [
        ({"grayscale": 1.0}, lambda im: ImageOps.grayscale(im).convert("RGB"), 1),
        ({"solarize": 1.0}, lambda im: ImageOps.solarize(im, 128), 0),
        (
            {"gaussian_blur": 1.0, "blur_sigma": (1.3, 1.3)},
            lambda im: im.filter(ImageFilter.GaussianBlur(1.3)),
            48,
        ),
    ],
)
def test_an_option_gives_pillows_image(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
    option: dict[str, Any],
    pillow: Callable[[Image.Image], Image.Image],
    tolerance: int,
) -> None:
    image = photographs["astronaut"]
    (out,) = trained(TrainTransform(512, **option, **WHOLE), [as_png(image)])
    apart = np.abs(out.astype(int) - np.asarray(pillow(image)).astype(int))
    assert apart.max() <= tolerance and apart.mean() < 0.5


def test_a_blurred_image_is_solarised_not_a_solarised_one_blurred(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
) -> None:
    """The order of BYOL, MoCo v3 and DINO."""
    image, blur = [as_png(photographs["astronaut"])], {"gaussian_blur": 1.0, "blur_sigma": (1.3, 1.3)}
    (blurred,) = trained(TrainTransform(512, **blur, **WHOLE), image)
    (both,) = trained(TrainTransform(512, solarize=1.0, **blur, **WHOLE), image)
    np.testing.assert_array_equal(both, np.asarray(ImageOps.solarize(Image.fromarray(blurred), 128)))


def test_chances_and_values_are_uniform() -> None:
    (actions,) = Chance("GaussianBlur", 0.4, 0.1, 2.0).draw(np.random.RandomState(5), ROWS, 8, 8)
    mine = actions.kernel == Kernel.BLUR
    assert stats.binomtest(int(mine.sum()), ROWS, 0.4).pvalue > ALPHA
    assert stats.kstest(actions.amount[mine], stats.uniform(0.1, 1.9).cdf).pvalue > ALPHA


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"color_jitter": (0.4, 0.4)}, ValueError, "expected a number, \\(brightness"),
        ({"color_jitter": -0.1}, ValueError, "color_jitter=-0.1"),
        ({"color_jitter": (0.4, 0.4, 0.4, 0.6)}, ValueError, "hue of color_jitter=0.6"),
        ({"grayscale": 1.2}, ValueError, "grayscale=1.2"),
        ({"lighting": -1}, ValueError, "lighting=-1"),
        ({"blur_sigma": 2.0}, TypeError, "blur_sigma=2.0, expected \\(low, high\\)"),
        ({"blur_sigma": (1.0, 28.1)}, ValueError, r"blur_sigma\[1\]=28.1"),
        ({"fill": 128}, TypeError, "fill=128, expected \\(r, g, b\\)"),
        ({"fill": (0, 0, 256)}, ValueError, "fill=256"),
        ({"random_erasing": 0.25}, TypeError, "expected a RandomErasing or None"),
        ({"auto_augment": "rand-m9-w0"}, ValueError, "'w0'"),
        ({"crop": "center"}, ValueError, "crop='center'"),
        ({"scale": (0.5, 0.2)}, ValueError, r"scale\[1\]=0.2"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        TrainTransform(**arguments)


@pytest.mark.parametrize(("low", "high"), [(0.0, 2.0), (-1.0, 2.0), (2.0, 28.5)])
def test_a_blur_that_dali_refuses_is_refused_at_construction(low: float, high: float) -> None:
    """No sigma of 0 on either device; on a GPU no window with 510 numbers or more (`ConvolutionGpu::Setup`)."""
    with pytest.raises(ValueError, match="for GaussianBlur; expected 0 < low <= high <= 28"):
        Chance("GaussianBlur", 0.5, low, high)
    assert Chance("GaussianBlur", 0.5, 0.1, MOST_SIGMA)
    window, wider = (2 * math.ceil(3 * sigma) + 1 for sigma in (MOST_SIGMA, MOST_SIGMA + 0.01))
    assert 3 * window < 1024 // 2 - 2 <= 3 * wider
