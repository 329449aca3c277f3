"""Operations as one compiled operator: the pixels of DALI's operators one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageOps
from scipy.ndimage import map_coordinates

from dali_mixup._cpu import colours, operating, warping
from dali_mixup.augment import Chance, PhotometricDistort, TrainTransform
from dali_mixup.augment.compiled_graph import IN_KERNELS
from dali_mixup.augment.operations import OPERATIONS

STAYS: dict[str, Any] = {"image_size": 48, "crop": "padded", "padding": 0, "hflip": 0.0}


class Shuffled(TrainTransform):
    """Every kind of operation in a chain, with one between them that is not of colours."""

    @property
    def stages(self) -> Any:
        return (
            Chance("Brightness", 0.7, 0.2, 1.8),
            Chance("Color", 0.7, 0.0, 2.0),
            Chance("Solarize", 0.5, 0, 256),
            Chance("JPEG", 0.5, 60, 100),
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


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize(
    "options",
    [
        *(
            {"auto_augment": name}
            for name in ("rand-m9-mstd0.5-inc1", "original", "ta_wide", "3a", "augmix-m5-w4-d2")
        ),
        {"auto_augment": "ta_wide", "fill": (3, 200, 77)},
    ],
    ids=lambda options: str(next(iter(options.values())))[:12] + ("-fill" if "fill" in options else ""),
)
def test_policies_give_dalis_pixels(
    options: dict[str, Any],
    interpolation: Any,
    trained: Callable[..., np.ndarray],
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All but Equalize's, which have Pillow's table here and OpenCV's there.

    Coordinates and sums are rounded in another order, so values near a half may differ by 1, and by more behind an
    operation that is steep there, as posterising is, or where the nearest pixel is another one."""
    monkeypatch.setitem(OPERATIONS, "Equalize", OPERATIONS["AutoContrast"])
    files = [as_png(photographs[name].resize((64, 48))) for name in ("chelsea", "rocket", "coffee")] * 16
    transform = TrainTransform((48, 64), crop="padded", padding=0, interpolation=interpolation, **options)
    ours, theirs = (trained(transform, files, batches=2, compiled=compiled) for compiled in (True, False))
    apart = np.abs(ours.astype(int) - theirs)
    assert (apart > 1).mean() < 2e-3 and (apart > 0).mean() < 4e-2
    assert ours.std(0).mean() > 5


@dataclass(frozen=True)
class MovedOut(TrainTransform):
    """Nothing of the image is left."""

    @property
    def stages(self) -> Any:
        return (Chance("TranslateX", 1.0, 100, 100),)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize(
    "fill", [(255, 255, 255), (1, 0, 0), (255, 0, 7), (7, 0, 254), (0, 0, 255), (0, 0, 0)]
)
def test_any_colour_fills_the_outside(
    fill: tuple[int, int, int],
    interpolation: Any,
    trained: Callable[..., np.ndarray],
    as_png: Callable[[Image.Image], bytes],
) -> None:
    file = as_png(Image.new("RGB", (48, 48), (90, 91, 92)))
    transform = MovedOut(**STAYS, fill=fill, interpolation=interpolation)
    assert (trained(transform, [file], compiled=True) == fill).all()
    assert (trained(transform, [file], compiled=False) == fill).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (5, 17), (31, 3)])
@pytest.mark.parametrize("by_nearest", [False, True])
def test_affine_maps_of_any_size_and_matrix(size: tuple[int, int], by_nearest: bool) -> None:
    """Beside SciPy's interpolation in float64, with a border of the colour around the image."""
    rng = np.random.RandomState(0)
    height, width = size
    image = rng.randint(0, 256, (height, width, 3)).astype(np.uint8)
    fill = np.array([10, 20, 30], np.float32)
    matrices = [
        np.eye(2, 3),
        np.eye(2, 3) * -1,
        np.zeros((2, 3)),
        np.full((2, 3), 1e6),
        *rng.randn(40, 2, 3) * 3,
    ]
    framed = np.pad(image.astype(float), ((1, 1), (1, 1), (0, 0)))
    for c in range(3):
        for edge in (framed[0], framed[-1], framed[:, 0], framed[:, -1]):
            edge[:, c] = fill[c]
    y, x = np.mgrid[0:height, 0:width] + 0.5
    for matrix in np.array(matrices, np.float32):
        made = np.empty((height, 3 * width), np.uint8)
        (warping.nearest if by_nearest else warping.linear)(image.reshape(height, -1), made, matrix, fill)
        across, down = (row[0] * x + row[1] * y + row[2] for row in matrix.astype(float))
        for c in range(3):
            places = [np.floor(down) + 1, np.floor(across) + 1] if by_nearest else [down + 0.5, across + 0.5]
            expected = map_coordinates(framed[..., c], places, order=0 if by_nearest else 1, mode="nearest")
            apart = np.abs(made.reshape(height, width, 3)[..., c] - expected)
            assert (apart > 0.51).mean() <= (0.02 if by_nearest else 0)


def test_both_rooms_number_the_operations_alike() -> None:
    assert {kernel: getattr(operating, kernel.name) for kernel in IN_KERNELS} == {
        kernel: int(kernel) for kernel in IN_KERNELS
    }


def test_each_operation_alone_and_none() -> None:
    rng = np.random.RandomState(1)
    image = rng.randint(0, 256, (5, 7, 3)).astype(np.uint8)
    matrix = np.array([[0, 1, 0, 3], [0, 0, 1, -300], [1, 0, 0, 0.6]], np.float32)
    flip = np.array([[-1, 0, 7], [0, 1, 0]], np.float32)
    canvas = operating.canvas_code((1, 2, 3), by_nearest=False)

    def after(kernel: int, amount: float) -> np.ndarray:
        made = image.reshape(5, 21).copy()
        kernels, amounts = np.array([0, kernel], np.int32), np.array([0, amount], np.float32)
        operating.operated(made, kernels, canvas, amounts, flip[None].repeat(2, 0), matrix[None].repeat(2, 0))
        return made.reshape(5, 7, 3)

    assert np.array_equal(after(operating.NONE, 1), image)
    assert np.array_equal(after(operating.BRIGHTNESS, 1.0), image)
    assert np.array_equal(after(operating.BRIGHTNESS, 0.5), image // 2)
    assert np.array_equal(after(operating.CONTRAST, 1.0), image)
    assert np.unique(after(operating.CONTRAST, 0.0)).size == 1
    assert np.array_equal(after(operating.SOLARIZE, 128), np.where(image >= 128, 255 - image, image))
    assert np.array_equal(after(operating.SOLARIZE, 256), image)
    assert np.array_equal(after(operating.AFFINE, 0), image[:, ::-1])
    assert np.array_equal(after(operating.POSTERIZE, 0b11000000), image & 0b11000000)
    assert np.array_equal(after(operating.SHARPNESS, 1.0), image)
    r, g, b = (image[..., c].astype(int) for c in range(3))
    expected = np.stack([np.minimum(g + 3, 255), 0 * b, np.minimum(r + 1, 255)], axis=-1)
    assert np.array_equal(after(operating.COLOUR, 0), expected)


@settings(max_examples=200, deadline=None)
@given(
    pixels=arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40).map(lambda s: (*s, 3))),
    levels=st.integers(1, 255),
)
def test_equalising_is_pillows(pixels: np.ndarray, levels: int) -> None:
    image = pixels // levels * levels  # few levels leave large steps, many none
    made = image.reshape(len(image), -1).copy()
    colours.equalised(made)
    expected = np.asarray(ImageOps.equalize(Image.fromarray(image)))
    np.testing.assert_array_equal(made.reshape(image.shape), expected)


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
