"""Operations on colours as one compiled operator: the pixels of DALI's operators one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dali_mixup._cpu import colours
from dali_mixup.augment import Chance, PhotometricDistort, TrainTransform
from dali_mixup.augment.operations import Kernel

STAYS: dict[str, Any] = {"image_size": 48, "crop": "padded", "padding": 0, "hflip": 0.0}


class Shuffled(TrainTransform):
    """Every kind of operation in a chain, with one between them that is not of colours."""

    @property
    def stages(self) -> Any:
        return (
            Chance("Brightness", 0.7, 0.2, 1.8),
            Chance("Color", 0.7, 0.0, 2.0),
            Chance("Solarize", 0.5, 0, 256),
            Chance("GaussianBlur", 0.5, 0.5, 1.0),
            Chance("Contrast", 0.7, 0.0, 2.0),
            Chance("Hue", 0.7, -0.5, 0.5),
            Chance("Invert", 0.3),
        )


@pytest.mark.parametrize(
    "transform",
    [
        TrainTransform(**STAYS, color_jitter=(0.8, 0.8, 0.8, 0.5), grayscale=0.3, solarize=0.3),
        TrainTransform(**STAYS, color_jitter=0.4, color_jitter_prob=0.5, gaussian_blur=0.5, solarize=0.5),
        TrainTransform(**STAYS, lighting=0.5, grayscale=0.5),
        TrainTransform(**STAYS, photometric_distort=PhotometricDistort(prob=0.8)),
        Shuffled(**STAYS),
    ],
    ids=["jitter", "blur between", "lighting", "photometric", "all"],
)
def test_the_pixels_are_dalis(
    transform: TrainTransform, trained: Callable[..., np.ndarray], as_png: Callable[[Image.Image], bytes]
) -> None:
    rng = np.random.RandomState(0)
    pictures = [Image.fromarray(rng.randint(0, 256, (48, 48, 3)).astype(np.uint8)) for _ in range(32)]
    files = [as_png(picture) for picture in pictures]
    ours, theirs = (trained(transform, files, batches=4, compiled=compiled) for compiled in (True, False))
    apart = np.abs(ours.astype(int) - theirs)
    # A sum that lies on a half in float32 may be rounded to either side, and solarised after it.
    assert (apart > 1).mean() < 1e-4 and (apart > 0).mean() < 1e-3
    assert (theirs != np.stack([np.asarray(p) for p in pictures] * 4)).mean() > 0.2


def test_each_operation_alone_and_none() -> None:
    rng = np.random.RandomState(1)
    image = rng.randint(0, 256, (5, 7, 3)).astype(np.uint8)
    matrix = np.array([[0, 1, 0, 3], [0, 0, 1, -300], [1, 0, 0, 0.6]], np.float32)

    def after(kernel: int, amount: float) -> np.ndarray:
        made = image.reshape(5, 21).copy()
        kernels, amounts = np.array([0, kernel], np.int32), np.array([0, amount], np.float32)
        colours.recoloured(made, kernels, amounts, matrix[None].repeat(2, 0))
        return made.reshape(5, 7, 3)

    assert np.array_equal(after(colours.NONE, 1), image)
    assert np.array_equal(after(colours.BRIGHTNESS, 1.0), image)
    assert np.array_equal(after(colours.BRIGHTNESS, 0.5), image // 2)
    assert np.array_equal(after(colours.CONTRAST, 1.0), image)
    assert np.unique(after(colours.CONTRAST, 0.0)).size == 1
    assert np.array_equal(after(colours.SOLARIZE, 128), np.where(image >= 128, 255 - image, image))
    assert np.array_equal(after(colours.SOLARIZE, 256), image)
    r, g, b = (image[..., c].astype(int) for c in range(3))
    expected = np.stack([np.minimum(g + 3, 255), 0 * b, np.minimum(r + 1, 255)], axis=-1)
    assert np.array_equal(after(colours.COLOUR, 0), expected)


def test_a_single_operation_without_a_matrix_stays_dalis(
    trained: Callable[..., np.ndarray], as_png: Callable[[Image.Image], bytes]
) -> None:
    """Brightness alone costs DALI as little; the layer has no colour matrix to stack."""
    picture = Image.fromarray(np.full((48, 48, 3), 100, np.uint8))
    made = trained(TrainTransform(**STAYS, color_jitter=(0.5, 0.5, 0)), [as_png(picture)] * 8, compiled=True)
    assert (
        made.std() > 0
        and Kernel.COLOUR not in TrainTransform(**STAYS, color_jitter=(0.5, 0, 0)).draws.layers[0]
    )


@pytest.mark.parametrize("size", [48, (1, 30), (40, 2)])
def test_a_blur_is_dalis(
    size: Any, trained: Callable[..., np.ndarray], as_png: Callable[[Image.Image], bytes]
) -> None:
    """At borders too, and where the window is wider than the image."""
    rng = np.random.RandomState(0)
    shape = (size, size) if isinstance(size, int) else size
    files = [as_png(Image.fromarray(rng.randint(0, 256, (*shape, 3)).astype(np.uint8))) for _ in range(16)]
    transform = TrainTransform(
        size,
        scale=(1, 1),
        ratio=(1e-3, 1e3),
        hflip=0,
        interpolation="nearest",
        gaussian_blur=1.0,
        blur_sigma=(0.1, 9.0),
    )
    ours, theirs = (trained(transform, files, batches=4, compiled=compiled) for compiled in (True, False))
    apart = np.abs(ours.astype(int) - theirs)
    # The order of the sums differs, so a value on a half may be rounded to either side.
    assert apart.max() <= 1 and (apart > 0).mean() < 1e-3
