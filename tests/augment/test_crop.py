"""The random window: torchvision's law, the same pixels both ways, flips, and the padded crop of CIFAR recipes.

Kolmogorov-Smirnov and binomial tests at an error rate of 1e-4 each, with fixed seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali import Pipeline, fn
from PIL import Image
from scipy import stats
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as F

from dali_mixup._graph.decode import INTERPOLATIONS, Backend, Stored
from dali_mixup.augment import TrainTransform
from dali_mixup.augment.resized_crop_graph import random_window

ALPHA = 1e-4
ROWS = 3000


def coordinates(height: int, width: int) -> Image.Image:
    """An image whose red is x and whose green is y, so that a window's corners can be read off its pixels."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x, y, np.zeros_like(x)], axis=2).astype(np.uint8))


def windows(
    as_png: Callable[[Image.Image], bytes],
    shape: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    roi: bool,
) -> np.ndarray:
    """(ROWS, 4) top, left, height, width of windows, read from corners that nothing has smoothed."""
    file = np.frombuffer(as_png(coordinates(*shape)), np.uint8)
    pipe = Pipeline(batch_size=200, num_threads=2, device_id=None, enable_checkpointing=True)
    with pipe:
        encoded = fn.external_source(source=lambda info: [file] * 200, batch=True, batch_info=True)
        # At least as large as any window, so that its corners come out.
        stored = Stored.of(encoded, Backend(False, roi), decoded=False)
        window = stored.window(*random_window(stored, scale, ratio, 11))
        images = fn.resize(window, size=[max(shape)] * 2, interp_type=INTERPOLATIONS["nearest"])
        pipe.set_outputs(images)
    pipe.build()
    out = np.concatenate([pipe.run()[0].as_array() for _ in range(ROWS // 200)]).astype(int)
    top, left = out[:, 0, 0, 1], out[:, 0, 0, 0]
    return np.stack([top, left, out[:, -1, -1, 1] - top + 1, out[:, -1, -1, 0] - left + 1], axis=1)


@pytest.mark.parametrize("roi", [True, False])
@pytest.mark.parametrize(
    ("shape", "scale", "ratio"),
    [
        ((75, 100), (0.08, 1.0), (3 / 4, 4 / 3)),
        ((100, 60), (0.08, 0.6), (3 / 4, 4 / 3)),
        ((100, 100), (0.35, 0.35), (0.5, 2.0)),
    ],
)
def test_windows_follow_torchvisions_law(
    as_png: Callable[[Image.Image], bytes],
    shape: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    roi: bool,
) -> None:
    ours = windows(as_png, shape, scale, ratio, roi)
    torch.manual_seed(5)
    image = Image.new("RGB", shape[::-1])
    theirs = np.array([RandomResizedCrop.get_params(image, list(scale), list(ratio)) for _ in range(ROWS)])
    measures = {
        "area": lambda w: w[:, 2] * w[:, 3],
        "aspect": lambda w: np.log(w[:, 3] / w[:, 2]),
        "top": lambda w: w[:, 0],
        "left": lambda w: w[:, 1],
        "relative top": lambda w: w[:, 0] / np.maximum(1, shape[0] - w[:, 2]),
        "relative left": lambda w: w[:, 1] / np.maximum(1, shape[1] - w[:, 3]),
    }
    for name, measure in measures.items():
        a, b = measure(ours), measure(theirs)
        assert stats.ks_2samp(a, b).pvalue > ALPHA, name


@pytest.mark.parametrize("roi", [True, False])
def test_where_no_window_fits_it_is_torchvisions(as_png: Callable[[Image.Image], bytes], roi: bool) -> None:
    """Such images are very long and their windows nearly all of them."""
    shape, scale, ratio = (20, 100), (0.9, 1.0), (3 / 4, 4 / 3)
    ours = windows(as_png, shape, scale, ratio, roi)
    theirs = RandomResizedCrop.get_params(Image.new("RGB", shape[::-1]), list(scale), list(ratio))
    assert (ours == theirs).all()


def test_both_ways_of_decoding_give_the_same_pixels(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
) -> None:
    files = [as_png(image) for image in photographs.values()] * 3
    window, whole = (trained(TrainTransform(96), files, roi=roi) for roi in (True, False))
    assert np.array_equal(window, whole)


@pytest.mark.parametrize("crop", ["resized", "padded"])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("probs", [(0.0, 0.0), (0.5, 0.0), (0.0, 0.3), (0.9, 0.4), (1.0, 1.0)])
def test_flips_are_as_frequent_as_asked(
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
    probs: tuple[float, float],
    compiled: bool,
    crop: str,
) -> None:
    """Red grows to the right in every window and green downwards, unless it was flipped; independently."""
    border = {"padding": 0} if crop == "padded" else {}
    transform = TrainTransform(16, crop=crop, hflip=probs[0], vflip=probs[1], **border)
    out = trained(transform, [as_png(coordinates(64, 64))] * 200, batches=5, compiled=compiled).astype(int)
    across, down = out[:, 0, 0, 0] > out[:, 0, -1, 0], out[:, 0, 0, 1] > out[:, -1, 0, 1]
    for flipped, prob in ((across, probs[0]), (down, probs[1]), (across & down, probs[0] * probs[1])):
        assert stats.binomtest(int(flipped.sum()), len(out), prob).pvalue > ALPHA


@pytest.mark.parametrize(("mode", "compiled"), [("constant", False), ("reflect", False), ("reflect", True)])
def test_a_padded_crop_is_torchvisions_on_cifar_sized_images(
    as_png: Callable[[Image.Image], bytes], trained: Callable[..., np.ndarray], mode: str, compiled: bool
) -> None:
    """Every one of the 9 x 9 windows of the padded image, all equally likely, and its pixels exactly."""
    image = np.random.RandomState(0).randint(1, 256, (32, 32, 3)).astype(np.uint8)
    padded = np.asarray(F.pad(Image.fromarray(image), [4], padding_mode=mode))
    known = {padded[y : y + 32, x : x + 32].tobytes(): (y, x) for y in range(9) for x in range(9)}
    transform = TrainTransform(32, crop="padded", padding=4, padding_mode=mode, hflip=0)
    out = trained(transform, [as_png(Image.fromarray(image))] * 200, batches=20, compiled=compiled)
    counts = np.zeros((9, 9))
    for one in out:
        counts[known[one.tobytes()]] += 1
    assert stats.chisquare(counts.ravel()).pvalue > ALPHA


def test_a_padded_crop_of_a_wide_image_reaches_both_ends(
    as_png: Callable[[Image.Image], bytes], trained: Callable[..., np.ndarray]
) -> None:
    transform = TrainTransform(20, crop="padded", padding=0, hflip=0)
    out = trained(transform, [as_png(coordinates(20, 50))] * 100, batches=4)
    assert set(np.unique(out[:, 0, 0, 0])) == set(range(31))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"crop": "padded", "padding_mode": "edge"},
            "padding_mode='edge', expected one of 'constant', 'reflect'",
        ),
        ({"padding_mode": "reflect"}, "padding_mode='reflect' belongs to another kind of crop"),
        (
            {"crop": "padded", "image_size": (9, 40), "padding": 7, "padding_mode": "reflect"},
            r"padding=7 with padding_mode='reflect' and image_size=\(9, 40\), expected sides of at least 10 pixels, "
            "the padding and 3 more, or a padding of at most 6$",
        ),
        (
            {"crop": "padded", "image_size": 1, "padding_mode": "reflect"},
            "padding=4 with padding_mode='reflect' and image_size=1, expected sides of at least 7 pixels, the padding "
            "and 3 more$",
        ),
    ],
)
def test_a_border_that_makes_no_sense_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainTransform(**arguments)
