"""timm's crops of images that keep their ratio, "rkrc" and "rkrr": its law, its geometry and its pixels.

Kolmogorov-Smirnov and chi-square tests at an error rate of 1e-4 each, with fixed seeds.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nvidia.dali import Pipeline, fn
from PIL import Image
from scipy import stats
from timm.data import create_transform
from timm.data.transforms import RandomCropOrPad, ResizeKeepRatio, center_crop_or_pad, crop_or_pad
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from dali_mixup._graph.decode import Backend, Stored
from dali_mixup.augment import MultiScale, TrainTransform
from dali_mixup.augment.kept_ratio import CHANCES, centred, kept_ratio, placed, reflected
from dali_mixup.augment.kept_ratio_graph import window_of
from dali_mixup.augment.maps import cut_out
from dali_mixup.augment.windows import training_windows

ALPHA = 1e-4
ROWS = 4000


def chances(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).random_sample((rows, CHANCES))


def of_timm(size: tuple[int, int], **changed: Any) -> ResizeKeepRatio:
    """The transform in timm's own pipeline of this mode."""
    made = create_transform((3, *size), is_training=True, train_crop_mode="rkrr", **changed)
    return next(one for one in made.transforms if isinstance(one, ResizeKeepRatio))


@pytest.mark.parametrize("changed", [{}, {"scale": (0.4, 0.9), "ratio": (0.6, 1.2)}])
@pytest.mark.parametrize("stored", [(300, 451), (90, 64)])
def test_sizes_have_timms_law(stored: tuple[int, int], changed: dict[str, Any]) -> None:
    """The defaults of scale and ratio are timm's too."""
    size = (160, 224)
    transform = TrainTransform(size, crop="rkrr", **changed)
    ours = kept_ratio(chances(ROWS), np.tile(stored, (ROWS, 1)), size, *transform.ranges)
    timm, image = of_timm(size, **changed), Image.new("RGB", stored[::-1])
    random.seed(1)
    scaling = (timm.random_scale_prob, timm.random_scale_range, timm.random_scale_area)
    arguments = (timm.size, timm.longest, *scaling, timm.random_aspect_prob, timm.random_aspect_range)
    theirs = np.array([timm.get_params(image, *arguments) for _ in range(ROWS)])
    for measure in (
        lambda sizes: sizes[:, 0],
        lambda sizes: sizes[:, 1],
        lambda sizes: sizes.prod(axis=1),
        lambda sizes: sizes[:, 1] / sizes[:, 0],
    ):
        assert stats.ks_2samp(measure(ours), measure(theirs)).pvalue > ALPHA
    least = ResizeKeepRatio.get_params(image, size, 0.0)
    plain = [int((sizes == least).all(axis=1).sum()) for sizes in (ours, theirs)]
    assert stats.chi2_contingency([plain, [ROWS - n for n in plain]]).pvalue > ALPHA


@given(
    stored=st.tuples(st.integers(1, 2000), st.integers(1, 2000)),
    size=st.tuples(st.integers(8, 300), st.integers(8, 300)),
)
def test_an_image_that_only_covers_the_window_has_timms_size(
    stored: tuple[int, int], size: tuple[int, int]
) -> None:
    ours = kept_ratio(chances(1), np.array([stored]), size, (1.0, 1.0), (1.0, 1.0))
    assert ours[0].tolist() == ResizeKeepRatio.get_params(torch.zeros(3, *stored), size, 0.0)


@given(
    resized=st.tuples(st.integers(5, 60), st.integers(5, 60)),
    size=st.tuples(st.integers(8, 60), st.integers(8, 60)),
    seed=st.integers(0, 2**20),
)
def test_places_and_reflections_are_timms(resized: tuple[int, int], size: tuple[int, int], seed: int) -> None:
    size = tuple(min(extent, 2 * of - 1) for extent, of in zip(size, resized, strict=True))
    image = torch.from_numpy(np.random.RandomState(seed).randint(0, 256, (1, *resized)).astype(np.uint8))
    start = centred(np.array([resized]), size)[0]
    np.testing.assert_array_equal(
        cut(image, start, size), center_crop_or_pad(image, size, padding_mode="reflect")
    )
    start = placed(chances(1, seed), np.array([resized]), size)[0]
    expected = crop_or_pad(image, *start.tolist(), *size, padding_mode="reflect")
    np.testing.assert_array_equal(cut(image, start, size), expected)


def cut(image: torch.Tensor, start: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    rows, columns = (
        reflected(at + np.arange(extent), of)
        for at, extent, of in zip(start, size, image.shape[1:], strict=True)
    )
    return image.numpy()[:, rows][:, :, columns]


@pytest.mark.parametrize("resized", [(64, 90), (40, 48), (51, 40)])
def test_random_places_have_timms_law(resized: tuple[int, int]) -> None:
    size = (48, 48)
    ours = placed(chances(ROWS), np.tile(resized, (ROWS, 1)), size)
    random.seed(2)
    theirs = np.array([RandomCropOrPad.get_params(torch.zeros(1, *resized), size) for _ in range(ROWS)])
    for mine, his in zip(ours.T, theirs.T, strict=True):
        values = sorted(set(mine) | set(his))
        counts = [[int((line == value).sum()) for value in values] for line in (mine, his)]
        assert values == [0] or stats.chi2_contingency(counts).pvalue > ALPHA


@pytest.mark.parametrize("centre", [True, False])
def test_the_graph_draws_what_numpy_does(centre: bool) -> None:
    rows, size, scale, ratio = 300, (48, 64), (0.4, 1.0), (0.6, 1.5)
    stored = np.random.RandomState(1).randint(1, 3000, (rows, 2)).astype(np.int64)
    decided = chances(rows)
    decided[:100, :2] = 1.0  # neither larger nor of another ratio: half pixels are rounded as Python does
    pipe = Pipeline(batch_size=rows, num_threads=1, device_id=None)
    with pipe:
        fed = fn.external_source(
            source=lambda info: (decided, stored), num_outputs=2, batch=True, batch_info=True
        )
        pipe.set_outputs(*window_of(*fed, size, scale, ratio, centre))
    pipe.build()
    start, whole = (out.as_array() for out in pipe.run())
    expected = kept_ratio(decided, stored, size, scale, ratio)
    np.testing.assert_array_equal(whole, expected)
    np.testing.assert_array_equal(
        start, centred(expected, size) if centre else placed(decided, expected, size)
    )


SIZE = (72, 96)
# (start, height and width of the resized image): inside; leaving it at the top, the bottom, both, the left.
PLACES = [
    ((3, 9), (90, 120)),
    ((-8, 0), (64, 130)),
    ((0, 4), (64, 110)),
    ((-3, 6), (60, 120)),
    ((5, -7), (99, 80)),
]


# Pillow rounds between its passes; DALI's own filter repeats pixels at the border, and takes others half-way.
@pytest.mark.parametrize(
    ("interpolation", "compiled", "mean", "largest"),
    [
        ("bilinear", True, 0.3, 1),
        ("bilinear", False, 0.3, 14),
        ("bicubic", True, 0.5, 30),
        ("nearest", True, 3, 255),
    ],
)
def test_a_window_has_the_pixels_of_pillow_and_timm(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    interpolation: str,
    compiled: bool,
    mean: float,
    largest: int,
) -> None:
    image = photographs["coffee"].resize((200, 150))
    transform = TrainTransform(SIZE, crop="rkrr", interpolation=interpolation)
    places = np.array(PLACES * 4, np.int32)
    flips = np.repeat(np.arange(4), len(PLACES)).astype(np.int32)
    nodes = {
        "window_start": np.ascontiguousarray(places[:, 0]),
        "window_shape": np.ascontiguousarray(places[:, 1]),
        "window_flipped": flips & 1,
        "window_upside_down": flips >> 1,
    }
    ours = cut_in_graph(transform, as_png(image), nodes, compiled).astype(int)
    method = getattr(Image.Resampling, interpolation.upper())
    for row, flip in enumerate(flips):
        start, whole = PLACES[row % len(PLACES)]
        resized = image.resize(whole[::-1], method)
        expected = np.asarray(crop_or_pad(resized, *start, *SIZE, padding_mode="reflect"))
        expected = expected[:, ::-1] if flip & 1 else expected
        expected = expected[::-1] if flip & 2 else expected
        apart = np.abs(ours[row] - expected)
        assert apart.mean() < mean and apart.max() <= largest, (
            start,
            whole,
            flip,
            apart.mean(),
            apart.max(),
        )


def cut_in_graph(
    transform: TrainTransform, file: bytes, windows: dict[str, np.ndarray], compiled: bool
) -> np.ndarray:
    rows, encoded = len(windows["window_start"]), np.frombuffer(file, np.uint8)
    pipe = Pipeline(batch_size=rows, num_threads=2, device_id=None)
    with pipe:
        content, *fed = fn.external_source(
            source=lambda info: ([encoded] * rows, *windows.values()),
            num_outputs=1 + len(windows),
            batch=True,
            batch_info=True,
        )
        stored = Stored.of(content, Backend(gpu=False, compiled=compiled), decoded=False)
        nodes = dict(zip(windows, fed, strict=True))
        images, _ = transform.graph(stored, count(), nodes, (0.0,) * 3, (1.0,) * 3)
        pipe.set_outputs(images)
    pipe.build()
    return pipe.run()[0].as_array()


def test_without_chance_it_is_timms_resize_and_centre_crop(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
) -> None:
    images = [image.resize((image.width // 3, image.height // 3)) for image in photographs.values()]
    transform = TrainTransform((64, 80), crop="rkrc", scale=(1, 1), ratio=(1, 1), hflip=0)
    ours = trained(transform, [as_png(image) for image in images], compiled=True)
    for made, image in zip(ours.astype(int), images, strict=True):
        expected = center_crop_or_pad(ResizeKeepRatio((64, 80))(image), [64, 80])
        assert np.abs(made - np.asarray(expected)).max() <= 1


@given(data=st.data())
@settings(max_examples=30)
def test_masks_follow(data: st.DataObject) -> None:
    """torchvision's nearest neighbours of the whole mask, then timm's crop."""
    sides = st.integers(1, 90)
    sizes = np.array([data.draw(st.tuples(sides, sides), "stored") for _ in range(3)])
    size = data.draw(st.tuples(st.integers(8, 60), st.integers(8, 60)), "size")
    crop = data.draw(st.sampled_from(["rkrc", "rkrr"]))
    transform = TrainTransform(size, crop=crop, scale=(0.3, 1), ratio=(0.5, 2), vflip=0.5)
    address = {"seed": data.draw(st.integers(0, 99)), "rank": 0, "epoch": 1, "step": 2}
    windows = training_windows(transform, sizes, size, **address)
    masks = [
        np.random.RandomState(i).randint(0, 250, shape).astype(np.uint8) for i, shape in enumerate(sizes)
    ]
    for i, made in enumerate(cut_out(masks, windows, size, 255)):
        whole = F.resize(tv_tensors.Mask(torch.from_numpy(masks[i])[None]), windows.shape[i].tolist())
        expected = crop_or_pad(whole, *windows.start[i].tolist(), *size, padding_mode="reflect")[0].numpy()
        expected = expected[:, ::-1] if windows.flipped[i] else expected
        np.testing.assert_array_equal(made, expected[::-1] if windows.upside_down[i] else expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop": "rkr"}, "expected one of 'resized', 'padded', 'rkrc', 'rkrr'"),
        ({"crop": "rkrc", "padding": 2}, "padding=2 belongs to another kind of crop; crop is 'rkrc'"),
        ({"crop": "rkrc", "ratio": (0.4, 1)}, r"ratio=\(0.4, 1.0\), expected 0.5 <= low <= high <= 2"),
        ({"crop": "rkrr", "ratio": (0.6, 2.5)}, "changes the image's own ratio"),
        ({"crop": "rkrr", "scale": (0.5, 1.1)}, r"scale\[1\]=1.1"),
        ({"crop": "rkrr", "image_size": (7, 64)}, "expected sides >= 8"),
        ({"crop": "rkrr", "image_size": MultiScale()}, "needs one image_size"),
        ({"crop": "padded", "scale": (0.8, 1.0)}, r"scale=\(0.8, 1.0\) belongs to another kind of crop"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainTransform(**arguments)


def test_the_defaults_are_those_of_the_crop() -> None:
    assert TrainTransform().ranges == ((0.08, 1.0), (3 / 4, 4 / 3))
    timm = of_timm((224, 224))
    assert TrainTransform(crop="rkrc").ranges == (timm.random_scale_range, timm.random_aspect_range)
    assert replace(TrainTransform(32), crop="padded").crop == "padded"
