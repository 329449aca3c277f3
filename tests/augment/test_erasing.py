"""Random erasing and Cutout: the laws of timm and torchvision, and exactly the pixels they say.

Kolmogorov-Smirnov and binomial tests at an error rate of 1e-4 each, with fixed seeds.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from timm.data.random_erasing import RandomErasing as TimmRandomErasing
from torchvision.transforms import RandomErasing as TorchvisionRandomErasing

from dali_mixup import CutMix, MixPolicy, Output, Runtime, train_loader
from dali_mixup._cpu.noise import noisy
from dali_mixup._graph.feed_kernels import normalising
from dali_mixup.augment import Cutout, RandomErasing, TrainTransform
from dali_mixup.augment.erasing import Rectangles

ALPHA = 1e-4
ROWS = 3000
HEIGHT, WIDTH = 40, 56
WHOLE: dict[str, Any] = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0), "hflip": 0.0, "interpolation": "nearest"}


def rectangles(drawn: Rectangles) -> np.ndarray:
    return np.concatenate([drawn.start, drawn.shape], axis=1)[drawn.erased]


def seen(image: torch.Tensor) -> list[int] | None:
    """top, left, height, width of the zeros in an image of ones."""
    y, x = np.nonzero(image[0].numpy() == 0)
    return None if not len(y) else [y.min(), x.min(), np.ptp(y) + 1, np.ptp(x) + 1]


def assert_same_law(ours: np.ndarray, theirs: np.ndarray) -> None:
    for column in range(4):
        assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > ALPHA
    assert stats.ks_2samp(ours[:, 2] * ours[:, 3], theirs[:, 2] * theirs[:, 3]).pvalue > ALPHA


def test_rectangles_follow_timms_law() -> None:
    random.seed(0)
    theirs = TimmRandomErasing(probability=0.6, mode="const", device="cpu")
    found = [seen(theirs(torch.ones(3, HEIGHT, WIDTH))) for _ in range(ROWS)]
    (ours,) = RandomErasing(0.6).draw(np.random.RandomState(0), ROWS, HEIGHT, WIDTH)
    assert_same_law(rectangles(ours), np.array([one for one in found if one]))
    assert stats.binomtest(int(ours.erased.sum()), ROWS, 0.6).pvalue > ALPHA


def test_rectangles_follow_torchvisions_law() -> None:
    torch.manual_seed(0)
    law = {"scale": (0.02, 0.33), "ratio": (0.3, 3.3)}
    theirs = TorchvisionRandomErasing(p=1.0, value=0, **law)
    found = [seen(theirs(torch.ones(3, HEIGHT, WIDTH))) for _ in range(ROWS)]
    (ours,) = RandomErasing(1.0, area=law["scale"], ratio=law["ratio"]).draw(
        np.random.RandomState(1), ROWS, HEIGHT, WIDTH
    )
    assert_same_law(rectangles(ours), np.array([one for one in found if one]))


def test_several_rectangles_share_the_area_as_in_timm() -> None:
    """The number of zeros, which the overlap of the rectangles makes smaller in both."""
    random.seed(2)
    theirs = TimmRandomErasing(probability=1, mode="const", max_count=3, device="cpu")
    zeros = [int((theirs(torch.ones(3, HEIGHT, WIDTH))[0] == 0).sum()) for _ in range(ROWS)]
    drawn = RandomErasing(1.0, count=3).draw(np.random.RandomState(3), ROWS, HEIGHT, WIDTH)
    ours = []
    for row in range(ROWS):
        image = np.ones((HEIGHT, WIDTH))
        for one in drawn:
            if one.erased[row]:
                (y, x), (h, w) = one.start[row], one.shape[row]
                image[y : y + h, x : x + w] = 0
        ours.append(int((image == 0).sum()))
    assert stats.ks_2samp(ours, zeros).pvalue > ALPHA


def test_a_rectangle_that_never_fits_leaves_the_image_alone() -> None:
    (drawn,) = RandomErasing(1.0, area=(1.0, 1.0), ratio=(1.0, 1.0)).draw(np.random.RandomState(0), 50, 8, 8)
    assert not drawn.erased.any()


def test_cutout_squares_have_uniform_centres_and_are_clipped() -> None:
    (drawn,) = Cutout(16).draw(np.random.RandomState(0), ROWS, HEIGHT, WIDTH)
    stop = drawn.start + drawn.shape
    assert (drawn.start >= 0).all() and (stop <= (HEIGHT, WIDTH)).all() and (drawn.shape <= 16).all()
    inside = (drawn.shape == 16).all(axis=1)
    # A centre between 8 and extent - 8 keeps the whole square.
    assert (
        stats.binomtest(int(inside.sum()), ROWS, (HEIGHT - 15) / HEIGHT * (WIDTH - 15) / WIDTH).pvalue > ALPHA
    )
    assert stats.chisquare(np.bincount((drawn.start[inside, 0]), minlength=HEIGHT - 15)).pvalue > ALPHA


MEAN, STD = (120.3, 110.0, 100.0), (60.0, 50.0, 40.0)


def erased_images(
    trained: Callable[..., np.ndarray],
    as_png: Callable[[Image.Image], bytes],
    option: dict[str, Any],
    compiled: bool = False,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    grey = as_png(Image.new("RGB", (64, 64), (7, 8, 9)))
    transform = TrainTransform(64, **option, **WHOLE)
    out = trained(transform, [grey] * 32, seed=2, mean=MEAN, std=STD, compiled=compiled)
    return out, dict(zip(transform.draws.names, transform.draws.arrays(32, 2, 0, 0, 0), strict=True))


def inside(fed: dict[str, np.ndarray], prefix: str, row: int, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    if fed[f"{prefix}.erased"][row]:
        (y, x), (h, w) = fed[f"{prefix}.start"][row], fed[f"{prefix}.shape"][row]
        mask[y : y + h, x : x + w] = True
    return mask


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("mode", ["const", "rand", "pixel"])
def test_before_mixing_exactly_the_rectangle_is_filled(
    trained: Callable[..., np.ndarray], as_png: Callable[[Image.Image], bytes], mode: str, compiled: bool
) -> None:
    out, fed = erased_images(trained, as_png, {"random_erasing": RandomErasing(0.5, mode)}, compiled)
    filled = []
    for row, image in enumerate(out):
        mask = inside(fed, "erasing0", row, (64, 64))
        assert (image[~mask] == (7, 8, 9)).all()
        if mask.any() and mode == "rand":
            colour = fed["erasing0.colour"][row] * STD + MEAN
            assert (np.abs(image[mask] - np.clip(colour, 0, 255)) <= 0.51).all()
        filled.append(image[mask])
    pixels = np.concatenate(filled)
    assert len(pixels) > 1000
    if mode == "const":
        assert (pixels == (120, 110, 100)).all()
    if mode == "pixel":
        cut = np.random.RandomState(0).normal(MEAN, STD, (100_000, 3)).clip(0, 255)
        assert np.allclose(pixels.mean(axis=0), cut.mean(axis=0), atol=3)
        assert np.allclose(pixels.std(axis=0), cut.std(axis=0), rtol=0.05)
        assert np.abs(np.corrcoef(pixels.T) - np.eye(3)).max() < 0.05


@pytest.mark.parametrize(
    ("mean", "std"),
    [(MEAN, STD), ((0.0, 127.5, 255.0), (255.0, 0.05, 3.0)), ((300.0, -9.0, 50.5), (9.0, 2.0, 0.5))],
)
def test_compiled_noise_is_a_rounded_and_cut_normal_law(mean: Any, std: Any) -> None:
    """Chi-square tests of the levels with an expected count of 10 and more; the others come together."""
    scale, shift = normalising(mean, std)
    image = np.zeros((600, 3 * 500), np.uint8)
    noisy(image, np.array([0, 0]), np.array([600, 500]), np.array([3, 4], np.int32), scale, shift)
    pixels = image.reshape(-1, 3)
    for c in range(3):
        up_to = stats.norm.cdf(np.arange(256) + 0.5, mean[c], std[c])
        up_to[-1] = 1.0
        expected, counts = np.diff(up_to, prepend=0.0) * len(pixels), np.bincount(pixels[:, c], minlength=256)
        often = expected >= 10
        seen, due = ([*numbers[often], numbers[~often].sum()] for numbers in (counts, expected))
        if due[-1] < 10:  # too few for a class of their own
            assert seen[-1] <= stats.poisson.isf(ALPHA, due[-1])
            seen, due = seen[:-1], np.array(due[:-1]) * sum(seen[:-1]) / sum(due[:-1])
        if len(seen) > 1:
            assert stats.chisquare(seen, due).pvalue > ALPHA
    if std == STD:
        apart = (pixels - np.array(MEAN)) / STD
        for one, other in (
            (apart[:-1, 0], apart[1:, 0]),
            (apart[:, 0], apart[:, 1]),
            (apart[:-1, 2], apart[1:, 0]),
        ):
            assert stats.pearsonr(one, other).pvalue > ALPHA


def test_compiled_noise_differs_by_image_and_batch(
    trained: Callable[..., np.ndarray], as_png: Callable[[Image.Image], bytes]
) -> None:
    grey = as_png(Image.new("RGB", (32, 32), (7, 8, 9)))
    erasing = RandomErasing(1.0, "pixel", area=(0.5, 0.6))
    out = trained(TrainTransform(32, random_erasing=erasing, **WHOLE), [grey] * 8, batches=3, compiled=True)
    assert len(np.unique(out.reshape(24, -1), axis=0)) == 24


def test_several_rectangles_and_cutout_together(
    trained: Callable[..., np.ndarray], as_png: Callable[[Image.Image], bytes]
) -> None:
    option = {"random_erasing": RandomErasing(0.7, count=2), "cutout": Cutout(20, 0.6)}
    out, fed = erased_images(trained, as_png, option)
    for row, image in enumerate(out):
        prefixes = ("cutout", "erasing0", "erasing1")
        mask = np.any([inside(fed, prefix, row, (64, 64)) for prefix in prefixes], axis=0)
        assert (image[~mask] == (7, 8, 9)).all() and (image[mask] == (120, 110, 100)).all()


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("mode", ["const", "rand", "pixel"])
def test_after_mixing_the_mixed_image_is_erased(
    image_folder: Path, mode: str, dtype: torch.dtype, channels_last: bool
) -> None:
    """The same loader without erasing shows what was there: outside the rectangles nothing differs."""

    def batches(erasing: RandomErasing | None) -> tuple[Any, torch.Tensor]:
        loader = train_loader(
            image_folder,
            policy=MixPolicy([CutMix(1.0)]),
            batch_size=12,
            transform=TrainTransform(48, random_erasing=erasing),
            device="cpu",
            runtime=Runtime(num_threads=2),
            output=Output(dtype=dtype, channels_last=channels_last),
            seed=9,
        )
        with loader:
            return loader, next(iter(loader))[0]

    erasing = RandomErasing(0.5, mode, place="after_mix")
    loader, ours = batches(erasing)
    _, plain = batches(None)
    assert ours.dtype == dtype and ours.shape == (12, 3, 48, 48)
    draws = loader.spec.pipeline.first.draws
    fed = dict(zip(draws.names, draws.arrays(12, 9, 0, 0, 0), strict=True))
    values = []
    for row in range(12):
        mask = inside(fed, "erasing0", row, (48, 48))
        assert torch.equal(ours[row][:, ~mask], plain[row][:, ~mask])
        values.append(ours[row][:, mask].float().numpy())
        if mask.any() and mode == "rand":
            assert np.allclose(values[-1], fed["erasing0.colour"][row][:, None], atol=2e-3)
    pixels = np.concatenate(values, axis=1)
    assert pixels.size > 500
    if mode == "const":
        assert not pixels.any()
    if mode == "pixel":
        assert stats.kstest(pixels.ravel(), "norm").pvalue > ALPHA


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomErasing(1.1), "prob=1.1"),
        (lambda: RandomErasing(mode="noise"), "mode='noise', expected one of 'const', 'rand', 'pixel'"),
        (lambda: RandomErasing(place="later"), "place='later'"),
        (lambda: RandomErasing(area=(0.0, 0.3)), r"area\[0\]=0.0"),
        (lambda: RandomErasing(ratio=(3.0, 0.3)), r"ratio\[1\]=0.3"),
        (lambda: RandomErasing(count=0), "count=0"),
        (lambda: Cutout(0), "size=0"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
