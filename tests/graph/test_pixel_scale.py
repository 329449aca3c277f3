"""Mean and std of another scale than the pixels': what is refused, and that the advice can be taken."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup import Output, denormalise, to_grid, train_loader, val_loader
from dali_mixup._graph.pixel_scale import misfit
from dali_mixup.sources import DatasetSource

UNIT_MEAN, UNIT_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
SIXTEEN = (31537.125, 29651.4, 26400.15)

PAIRS = [
    (
        {"std": UNIT_STD},
        r"of which std is for images in 0\.\.1; .* 255 times .*: mean=\(123\.675,.*std=\(58\.395",
    ),
    (
        {"mean": UNIT_MEAN},
        r"of which mean is for images in 0\.\.1; .*: mean=\(123\.675, .*std=\(58\.395, 57\.12",
    ),
    (
        {"mean": UNIT_MEAN, "std": UNIT_STD},
        r"which are for images in 0\.\.1; .*mean=\(123\.675, .*std=\(58\.395",
    ),
    ({"mean": 0.5, "std": 1.0}, "which are for images in 0..1"),
    ({"mean": 0.5, "std": 12.0}, "of which mean is for images in 0..1"),  # at most 11.3 is possible
    ({"mean": SIXTEEN}, r"too large a mean: pixels here are 0\.\.255.*bits=16 too, or divide them by 257"),
    ({"mean": 32000.0, "std": 12000.0}, "too large a mean and std: .*bits=16"),
    ({"mean": 0.0, "std": 65535.0}, "too large a std: .*bits=16"),
    ({"mean": -5.0, "std": 50.0}, r"a mean below 0; pixels here are 0\.\.255, expected the mean"),
    ({"mean": -0.5, "std": 0.5}, "a mean below 0"),
]


@pytest.mark.parametrize(("given", "message"), PAIRS)
@pytest.mark.parametrize("make", [train_loader, val_loader], ids=lambda make: make.__name__)
def test_loaders_refuse_what_no_pixels_have(make: Any, given: dict[str, Any], message: str) -> None:
    pixels = DatasetSource([np.zeros((8, 8, 3), np.uint8)], labels=[0])
    with pytest.raises(ValueError, match=f"{make.__name__}: output has mean=.*{message}"):
        make(pixels, batch_size=1, device="cpu", output=Output(**given))


@pytest.mark.parametrize(("given", "message"), PAIRS)
def test_pictures_refuse_it_too(given: dict[str, Any], message: str) -> None:
    images, options = np.zeros((1, 3, 8, 8), np.float32), {"mean": MEAN, "std": STD, **given}
    with pytest.raises(ValueError, match=f"denormalise: mean=.*{message}"):
        denormalise(images, **options)
    with pytest.raises(ValueError, match=f"to_grid: mean=.*{message}"):
        to_grid(images, **options)


@pytest.mark.parametrize(
    ("mean", "std", "bits"),
    [
        (0.0, 1.0, 8),
        (127.5, 127.5, 8),
        (0.0, 255.0, 8),
        (0.0, 256.0, 8),
        (255.0, 1.0, 8),
        (0.0, 1.0, 16),
        (32767.5, 32767.5, 16),
        (0.0, 65535.0, 16),
        (32000.0, 12000.0, 16),
        (MEAN, (1.0, 1.0, 1.0), 8),
        (1.0, 10.0, 8),  # dark, as of stars
        (0.9, 2.0, 16),
        (MEAN, STD, 8),
    ],
)
def test_what_pixels_can_have_is_taken(mean: Any, std: Any, bits: Any) -> None:
    assert len(Output(mean, std, bits=bits).of_pixels("x")[0]) == 3


def test_pictures_of_sixteen_bits_need_to_know() -> None:
    images = np.zeros((1, 3, 8, 8), np.float32)
    assert (denormalise(images, SIXTEEN, SIXTEEN, bits=16)[..., 0] == round(SIXTEEN[0] / 257)).all()
    with pytest.raises(ValueError, match=r"which are for images in 0\.\.255; pixels here are 0\.\.65535"):
        denormalise(images, bits=16)


def test_the_mix_of_a_pipeline_takes_other_numbers() -> None:
    """Decibels and images in -1..1 are not the loaders'."""
    assert Output(-40.0, 20.0).mean == (-40.0,) and Output(-5.0, 0.5).std == (0.5,)


@given(
    mean=st.lists(st.just(0.0) | st.floats(0.01, 1), min_size=3, max_size=3),
    std=st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
    of_pixels=st.sampled_from(["neither", "mean", "std"]),
    bits=st.sampled_from([8, 16]),
)
def test_the_advice_can_be_taken(mean: Any, std: Any, of_pixels: str, bits: int) -> None:
    most = 2**bits - 1
    given_mean = [most * x for x in mean] if of_pixels == "mean" else mean
    given_std = [most * x for x in std] if of_pixels == "std" else std
    said = misfit(given_mean, given_std, bits)
    if "in 0..1" in said:
        found = re.search(r"mean=(\(.*\)), std=(\(.*\))$", said)
        assert found is not None
        advised = [ast.literal_eval(text) for text in found.groups()]
        assert not misfit(*advised, bits), said
        if max(given_mean) > 1:
            assert advised[0] == tuple(given_mean)
        if min(given_std) > 1:
            assert advised[1] == tuple(given_std)
