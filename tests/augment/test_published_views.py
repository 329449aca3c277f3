"""The views of the self-supervised recipes against torchvision's transforms, put together as the authors of DINO, MoCo
v3 and DINOv2 do it: how bright, colourful, sharp and inverted the images of many draws are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter, ImageOps
from scipy import stats
from torchvision import transforms

from dali_mixup.recipes import load_recipe

DRAWS, SIDE, ALPHA = 300, 32, 1e-4


class Blur:
    """utils.py of DINO, loader.py of MoCo v3."""

    def __call__(self, image: Image.Image) -> Image.Image:
        return image.filter(ImageFilter.GaussianBlur(radius=np.random.uniform(0.1, 2.0)))


def theirs(scale: tuple[float, float], blur: float, solarise: float, bicubic: bool) -> transforms.Compose:
    how = transforms.InterpolationMode.BICUBIC if bicubic else transforms.InterpolationMode.BILINEAR
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(SIDE, scale=scale, interpolation=how),
            transforms.RandomHorizontalFlip(p=0.5),
            transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
            transforms.RandomGrayscale(p=0.2),
            transforms.RandomApply([Blur()], p=blur),
            transforms.RandomApply([ImageOps.solarize], p=solarise),
        ]
    )


def features(images: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) each, of (N, H, W, 3) uint8."""
    pixels = images.astype(float)
    grey = pixels.mean(3)
    return {
        "brightness": grey.mean((1, 2)),
        "contrast": grey.std((1, 2)),
        "colour": np.ptp(pixels, axis=3).mean((1, 2)),
        "detail": np.abs(np.diff(grey, axis=2)).mean((1, 2)),
        "brightest": np.percentile(grey, 99, axis=(1, 2)),
    }


@pytest.mark.parametrize(
    ("name", "view", "settings"),
    [
        ("moco-v3", 0, ((0.08, 1.0), 1.0, 0.0, False)),
        ("moco-v3", 1, ((0.08, 1.0), 0.1, 0.2, False)),
        ("dino", 0, ((0.4, 1.0), 1.0, 0.0, True)),
        ("dino", 1, ((0.4, 1.0), 0.1, 0.2, True)),
        ("dino", 2, ((0.05, 0.4), 0.5, 0.0, True)),
        ("dinov2", 0, ((0.32, 1.0), 0.0, 0.0, True)),
        ("dinov2", 1, ((0.32, 1.0), 0.9, 0.2, True)),
        ("dinov2", 2, ((0.05, 0.32), 0.5, 0.0, True)),
    ],
)
def test_images_are_distributed_as_the_authors_transforms_make_them(
    photographs: dict[str, Image.Image],
    as_png: Callable[[Image.Image], bytes],
    trained: Callable[..., np.ndarray],
    name: str,
    view: int,
    settings: tuple[tuple[float, float], float, float, bool],
) -> None:
    recipe = load_recipe(name)
    assert recipe.views is not None
    image = photographs["astronaut"].resize((128, 128))
    transform = replace(recipe.views[view].transformed(recipe.transform), image_size=SIDE)
    mine = features(trained(transform, [as_png(image)] * DRAWS, seed=5))
    np.random.seed(0)
    torch.manual_seed(0)
    compose = theirs(*settings)
    expected = features(np.stack([np.asarray(compose(image)) for _ in range(DRAWS)]))
    for feature, values in mine.items():
        assert stats.ks_2samp(values, expected[feature]).pvalue > ALPHA, feature
