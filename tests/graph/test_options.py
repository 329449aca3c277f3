"""Output: mean and std of the channels and bits that are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dali_mixup import Output
from dali_mixup._graph.pixel_kind import PixelKind

FOUR = (1.0, 2.0, 3.0, 4.0)


@pytest.mark.parametrize(
    ("given", "mean", "std"),
    [
        ({}, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
        ({"mean": 100.0, "std": 50.0}, (100.0,) * 3, (50.0,) * 3),
        ({"mean": 100.0, "std": 50.0, "channels": 1}, (100.0,), (50.0,)),
        ({"mean": FOUR, "std": FOUR, "channels": 4}, FOUR, FOUR),
        ({"mean": np.array(FOUR), "std": FOUR, "channels": np.int64(4), "bits": np.int64(16)}, FOUR, FOUR),
        ({"mean": [7.0], "std": [8.0], "channels": 32, "bits": 16}, (7.0,) * 32, (8.0,) * 32),
    ],
)
def test_one_number_for_each_channel(given: dict[str, Any], mean: Any, std: Any) -> None:
    output = Output(**given)
    assert output.of_pixels("x") == (mean, std)
    assert output.kind == PixelKind(given.get("channels", 3), given.get("bits", 8))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"channels": 0}, ValueError, "Output: channels=0, expected an integer >= 1 and <= 32"),
        ({"channels": 33}, ValueError, "Output: channels=33"),
        ({"channels": True}, TypeError, "Output: channels=True is a bool"),
        ({"channels": 3.0}, TypeError, "Output: channels=3.0 is a float"),
        ({"channels": None}, TypeError, "Output: channels=None"),
        ({"bits": 12}, ValueError, "Output: bits=12, expected 8 or 16"),
        ({"bits": "16"}, TypeError, "Output: bits='16' is a str"),
        ({"bits": True}, TypeError, "Output: bits=True is a bool"),
        (
            {"channels": 1},
            ValueError,
            r"Output: mean=\(.*\) .* for 1 channel of 8 bits; expected one number each$",
        ),
        (
            {"channels": 4},
            ValueError,
            "for 4 channels of 8 bits; expected one number each for all channels, or 4",
        ),
        ({"mean": FOUR, "std": FOUR, "channels": 5}, ValueError, "for 5 channels of 8 bits"),
        ({"bits": 16}, ValueError, r"for images in 0\.\.255; pixels here are 0\.\.65535"),
        (
            {"mean": (124, 117, 104), "std": (58, 57, 57), "bits": 16},
            ValueError,
            r"for images in 0\.\.255; pixels",
        ),
        (
            {"mean": 127.5, "std": 127.5, "bits": 16, "channels": 4},
            ValueError,
            r"for images in 0\.\.255; pixels",
        ),
        (
            {"mean": 300.0, "std": 127.5, "bits": 16, "channels": 1},
            ValueError,
            r"for images in 0\.\.255; pixels",
        ),
        ({"mean": 0.5, "std": 0.25, "channels": 1}, ValueError, r"255 times as much: mean=\(127\.5,\)"),
        ({"mean": 0.5, "std": 0.25, "bits": 16}, ValueError, r"65535 times as much: mean=\(32767\.5,\)"),
        ({"mean": 5.0, "std": 0.0, "channels": 1}, ValueError, "std=0.0, expected numbers > 0"),
        ({"mean": float("nan"), "std": 1.0, "channels": 1}, ValueError, "nan"),
    ],
)
def test_what_does_not_agree_is_refused_at_construction(
    given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Output(**given)


@pytest.mark.parametrize(
    ("mean", "std"), [((300.0, 310.0, 290.0), (120.0, 110.0, 100.0)), (200.0, 100.0), (32767.5, 32767.5)]
)
def test_dark_images_of_sixteen_bits_may_have_small_numbers(mean: Any, std: Any) -> None:
    output = Output(mean, std, bits=16)
    assert output.of_pixels("loader")[0][0] == np.atleast_1d(mean)[0]


def test_a_kind_says_what_it_is() -> None:
    assert [str(PixelKind(*given)) for given in ((1, 8), (3, 16))] == [
        "1 channel of 8 bits",
        "3 channels of 16 bits",
    ]
