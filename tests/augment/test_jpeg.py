"""JPEG artefacts: Pillow's pixels, torchvision's law."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from dali_mixup.augment import TrainTransform
from dali_mixup.augment.operations import Kernel

ALPHA = 1e-4
WHOLE: dict[str, Any] = {"scale": (1.0, 1.0), "hflip": 0.0, "interpolation": "nearest"}


@pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")
@pytest.mark.parametrize("quality", [1, 10, 50, 95, 100])
@pytest.mark.parametrize("size", [(96, 96), (61, 37)])
def test_pixels_are_those_of_pillow(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
    quality: int,
    size: tuple[int, int],
) -> None:
    """Both are libjpeg-turbo with its standard tables and chroma of half the resolution."""
    image = photographs["coffee"].resize(size[::-1])
    ratio = (size[1] / size[0],) * 2
    transform = TrainTransform(size, ratio=ratio, jpeg=1.0, jpeg_quality=(quality, quality), **WHOLE)
    (ours,) = trained(transform, [as_png(image)])
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    np.testing.assert_array_equal(ours, np.asarray(Image.open(buffer)))
    theirs = F.jpeg(F.pil_to_tensor(image), quality).permute(1, 2, 0).numpy()
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_qualities_are_torchvisions_and_as_frequent_as_asked() -> None:
    rows, transform = 6000, TrainTransform(8, jpeg=0.3, jpeg_quality=(20, 30))
    kernel, amount = (
        dict(zip(transform.draws.names, transform.draws.arrays(rows, 0, 0, 0, 0), strict=True))[name]
        for name in ("0.kernel", "0.amount")
    )
    compressed = kernel == Kernel.JPEG
    assert stats.binomtest(int(compressed.sum()), rows, 0.3).pvalue > ALPHA
    torch.manual_seed(2)
    theirs = [v2.JPEG((20, 30)).make_params([])["quality"] for _ in range(rows)]
    values, counts = np.unique(amount[compressed], return_counts=True)
    their_values, their_counts = np.unique(theirs, return_counts=True)
    assert values.tolist() == their_values.tolist() == list(range(20, 31))
    assert stats.chi2_contingency([counts, their_counts]).pvalue > ALPHA


def test_off_it_draws_nothing() -> None:
    assert TrainTransform(8).draws.names == TrainTransform(8, jpeg=0.0).draws.names == ()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"jpeg": 1.1}, ValueError, "jpeg=1.1"),
        ({"jpeg_quality": 50}, TypeError, r"jpeg_quality=50, expected \(low, high\)"),
        ({"jpeg_quality": (0, 50)}, ValueError, r"jpeg_quality\[0\]=0"),
        ({"jpeg_quality": (50, 101)}, ValueError, r"jpeg_quality\[1\]=101"),
        ({"jpeg_quality": (60, 50)}, ValueError, r"jpeg_quality\[1\]=50, expected an integer >= 60"),
        ({"jpeg_quality": (5.0, 50)}, TypeError, r"jpeg_quality\[0\]=5.0"),
        ({"jpeg_quality": (True, 50)}, TypeError, r"jpeg_quality\[0\]=True"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        TrainTransform(**arguments)
