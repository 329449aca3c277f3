"""The training transform on the GPU: the decisions are the CPU's, so the images are too, but for rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dali_mixup.augment import Cutout, PhotometricDistort, RandomErasing, TrainTransform

pytestmark = pytest.mark.gpu

WHOLE: dict[str, Any] = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0), "hflip": 0.0, "interpolation": "nearest"}
OPTIONS: list[dict[str, Any]] = [
    *[
        {"auto_augment": text}
        for text in ("rand-m9-mstd0.5-inc1", "ra", "ta_wide", "imagenet", "cifar10", "v0", "3a", "augmix")
    ],
    {"color_jitter": (0.4, 0.4, 0.4, 0.1)},
    {"grayscale": 0.5, "solarize": 0.5, "gaussian_blur": 0.5, "lighting": 0.1},
    {"photometric_distort": PhotometricDistort(), "vflip": 0.5},
    {"cutout": Cutout(100), "random_erasing": RandomErasing(0.5, "const")},
    {"random_erasing": RandomErasing(0.5, "rand", count=2)},
]


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_the_gpu_gives_the_cpus_images(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
    option: dict[str, Any],
) -> None:
    """Rounding apart: equalising and thresholds can turn one level into a few, so a share of pixels may differ more."""
    files = [as_png(photographs["astronaut"])] * 32  # square and whole: no window is drawn
    transform = TrainTransform(512, **option, **WHOLE)
    cpu, gpu = (trained(transform, files, seed=3, device_id=device) for device in (None, 0))
    apart = np.abs(cpu.astype(int) - gpu.astype(int))
    assert apart.mean() < 0.5 and (apart > 2).mean() < 0.01


def test_jpeg_artefacts_are_like_the_cpus(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
) -> None:
    """The kernel has no libjpeg: emulated in NumPy its image is 0.8 levels from Pillow's, which is 4 to 5.5
    from the photograph."""
    image = photographs["astronaut"]
    transform = TrainTransform(512, jpeg=1.0, jpeg_quality=(20, 50), **WHOLE)
    cpu, gpu = (trained(transform, [as_png(image)] * 8, seed=3, device_id=device) for device in (None, 0))
    assert np.abs(cpu.astype(int) - gpu.astype(int)).mean() < 1.5


def test_noise_has_its_mean_and_deviation_on_the_gpu(
    as_png: Callable[[Image.Image], bytes], trained: Callable[..., np.ndarray]
) -> None:
    transform = TrainTransform(64, random_erasing=RandomErasing(1.0, "pixel", area=(0.3, 0.3)), **WHOLE)
    grey = as_png(Image.new("RGB", (64, 64), (0, 0, 0)))
    out = trained(transform, [grey] * 64, seed=1, device_id=0, mean=(128.0,) * 3, std=(30.0,) * 3)
    noise = out[out.any(axis=3)].astype(float)  # black triples are what was not erased
    assert abs(noise.mean() - 128) < 1 and abs(noise.std() - 30) < 1
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.05


@pytest.mark.parametrize("crop", ["resized", "padded", "rkrc", "rkrr"])
def test_windows_on_the_gpu_are_resized_like_those_on_the_cpu(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
    crop: str,
) -> None:
    """The windows come from a CPU operator in both, with equal seeds."""
    files = [as_png(image) for image in photographs.values()] * 4
    transform = TrainTransform(96, crop=crop, hflip=0)
    cpu, gpu = (trained(transform, files, roi=False, seed=3, device_id=device) for device in (None, 0))
    assert np.abs(cpu.astype(int) - gpu.astype(int)).max() <= 2
