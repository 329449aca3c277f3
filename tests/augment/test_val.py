"""The validation transform against torchvision's and timm's, on Pillow images."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from timm.data import create_transform
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

from dali_mixup import Output, val_loader
from dali_mixup.augment import ValTransform

MODES = {
    "nearest": InterpolationMode.NEAREST,
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
    "lanczos": InterpolationMode.LANCZOS,
}

# In grey levels of 255: the mean difference, the largest, and the share of values more than 1 apart. Measured over the
# cases below: bilinear 0.19, 9 and 0.0012, at the image's border, where Pillow leaves out the filter's outer part and
# DALI repeats the last pixel; bicubic 0.20, 14 and 0.002; lanczos 0.21, 25 and 0.011: Pillow rounds and
# cuts off between its two passes, DALI does not. nearest: exact but for rows and columns that lie half-way between
# two pixels, which the two round differently (10 % of the values of one photograph).
TOLERANCE = {
    "nearest": (1.2, 255, 0.12),
    "bilinear": (0.22, 10, 0.002),
    "bicubic": (0.22, 16, 0.003),
    "lanczos": (0.23, 28, 0.013),
}
CASES = [(256, 224), (232, 224), (288, 288), (64, 32), (700, 640)]


def of_torchvision(image: Image.Image, resize: int, size: Any, mode: str = "bilinear") -> np.ndarray:
    return np.asarray(Compose([Resize(resize, MODES[mode]), CenterCrop(size)])(image), np.float32)


def assert_alike(ours: np.ndarray, theirs: np.ndarray, mode: str) -> None:
    assert ours.shape == theirs.shape
    apart = np.abs(ours - theirs)
    mean, largest, share = TOLERANCE[mode]
    assert apart.mean() <= mean and apart.max() <= largest and (apart > 1).mean() <= share


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("resize", "size"), CASES)
def test_photographs_come_out_as_from_torchvision(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    validated: Callable[..., list[np.ndarray]],
    mode: str,
    resize: int,
    size: int,
) -> None:
    ours = validated(ValTransform(size, resize, mode), [as_png(image) for image in photographs.values()])
    for image, mine in zip(photographs.values(), ours, strict=True):
        assert_alike(mine, of_torchvision(image, resize, size, mode), mode)


# Enlarged ten times, DALI's bicubic pixels are further from Pillow's, of whole images too.
@pytest.mark.parametrize(
    ("mode", "width", "height"),
    [
        *(("bilinear", *size) for size in ((700, 20), (20, 700), (901, 7), (333, 1), (640, 80), (641, 80))),
        *(("bicubic", *size) for size in ((700, 20), (20, 700), (640, 80), (641, 80))),
    ],
)
def test_strips_come_out_as_from_torchvision_though_only_a_part_is_resized(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    validated: Callable[..., list[np.ndarray]],
    mode: str,
    width: int,
    height: int,
) -> None:
    strip = photographs["rocket"].resize((width, height), Image.Resampling.BICUBIC)
    (ours,) = validated(ValTransform(64, 72, mode), [as_png(strip)])
    assert_alike(ours, of_torchvision(strip, 72, 64, mode), mode)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize(("resize", "size"), [(256, 224), (288, 288), (64, (32, 48)), (700, 640)])
def test_the_compiled_kernels_give_torchvisions_pixels_too(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    validated: Callable[..., list[np.ndarray]],
    mode: str,
    resize: int,
    size: Any,
) -> None:
    images = [
        *photographs.values(),
        *(photographs["rocket"].resize(strip) for strip in ((900, 40), (9, 500))),
    ]
    ours = validated(ValTransform(size, resize, mode), [as_png(image) for image in images], compiled=True)
    for image, mine in zip(images, ours, strict=True):
        apart = np.abs(mine - of_torchvision(image, resize, size, mode))
        # Pillow rounds between its passes, and cuts overshoots of the other two off there.
        assert mine.shape[:2] == apart.shape[:2] and (apart > 1).mean() < TOLERANCE[mode][2]
        # Up to 0.222 with the photographs of the scikit-image that Python 3.10 has.
        assert apart.mean() < 0.24 and apart.max() <= {"bilinear": 1, "bicubic": 16, "lanczos": 28}[mode]


def test_a_line_of_pixels_costs_only_the_window_that_is_kept(tmp_path: Path) -> None:
    """Resized whole it would be 256 pixels high and 5 million wide, 3.9 GB."""
    line = np.random.RandomState(0).randint(0, 256, (1, 20_000, 3)).astype(np.uint8)
    (tmp_path / "a").mkdir()
    Image.fromarray(line).save(tmp_path / "a" / "line.png")
    script = f"""
import resource
from dali_mixup import Output, Runtime, val_loader
runtime = Runtime(cpu_kernels="numba", num_threads=1, prefetch=1)
loader = val_loader({str(tmp_path)!r}, batch_size=1, device="cpu", output=Output(0, 1), runtime=runtime)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
((images, labels),) = list(loader)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(tuple(images.shape), grown // 1024)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    shape, megabytes = done.stdout.rsplit(maxsplit=1)
    assert shape == "(1, 3, 224, 224)" and int(megabytes) < 600


@pytest.mark.parametrize(("crop_pct", "resize"), [(0.875, 256), (0.95, 235), (0.9, 248), (1.0, 224)])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_photographs_come_out_as_from_timm(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    validated: Callable[..., list[np.ndarray]],
    mode: str,
    crop_pct: float,
    resize: int,
) -> None:
    theirs = create_transform(
        224, is_training=False, crop_pct=crop_pct, interpolation=mode, mean=(0, 0, 0), std=(1, 1, 1)
    )
    ours = validated(ValTransform(224, resize, mode), [as_png(image) for image in photographs.values()])
    for image, mine in zip(photographs.values(), ours, strict=True):
        assert_alike(mine, theirs(image).numpy().transpose(1, 2, 0) * 255, mode)


@settings(max_examples=60)
@given(width=st.integers(5, 90), height=st.integers(5, 90), size=st.integers(6, 33), more=st.integers(0, 9))
def test_odd_and_tiny_images_have_torchvisions_size_and_crop_to_the_pixel(
    validated: Callable[..., list[np.ndarray]], width: int, height: int, size: int, more: int
) -> None:
    """Noise: a crop or a resized side one pixel off would differ by tens of levels on average; borders by a few."""
    noise = np.random.RandomState(width * 100 + height).randint(0, 256, (height, width, 3)).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    (ours,) = validated(ValTransform(size, size + more), [buffer.getvalue()])
    theirs = of_torchvision(Image.fromarray(noise), size + more, size)
    assert np.abs(ours - theirs).mean() < 5


@pytest.mark.parametrize("height_first", [True, False])
def test_every_parity_of_the_margin_is_cut_where_torchvision_cuts(
    validated: Callable[..., list[np.ndarray]], as_png: Callable[[Image.Image], bytes], height_first: bool
) -> None:
    """Margins of 0 to 8 pixels at the original size, so nothing is resampled and equality is exact."""
    rng = np.random.RandomState(0)
    for margin in range(9):
        shape = (16, 16 + margin, 3) if height_first else (16 + margin, 16, 3)
        image = Image.fromarray(rng.randint(0, 256, shape).astype(np.uint8))
        (ours,) = validated(ValTransform(16, 16), [as_png(image)])
        assert np.array_equal(ours, of_torchvision(image, 16, 16))


def test_a_rectangle_is_cut_from_the_centre(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    validated: Callable[..., list[np.ndarray]],
) -> None:
    image = photographs["coffee"]
    (ours,) = validated(ValTransform((160, 200), 211), [as_png(image)])
    assert_alike(ours, of_torchvision(image, 211, (160, 200)), "bilinear")


def test_fixres_sizes_through_the_loader_from_jpeg_files(jpegs: dict[str, Path]) -> None:
    """Train at 224, validate at 288 without a margin: decoding differs too, at most a little."""
    pairs = [(path, i) for i, path in enumerate(jpegs.values())]
    with val_loader(
        pairs, batch_size=4, transform=ValTransform(288, 288), device="cpu", output=Output(mean=0, std=1)
    ) as loader:
        (batch,) = list(loader)
    images = batch[0].numpy()
    assert images.shape == (4, 3, 288, 288)
    for mine, path in zip(images.transpose(0, 2, 3, 1), jpegs.values(), strict=True):
        apart = np.abs(mine - of_torchvision(Image.open(path), 288, 288))
        assert apart.mean() < 0.3 and (apart > 2).mean() < 0.002


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 224, "resize_size": 200}, "smaller than image_size"),
        ({"resize_size": 2**31}, "resize_size=2147483648.*2147483647"),
        ({"image_size": 0}, "image_size=0, expected an integer >= 1"),
        ({"interpolation": "cubic"}, "interpolation='cubic', expected one of"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ValTransform(**arguments)
