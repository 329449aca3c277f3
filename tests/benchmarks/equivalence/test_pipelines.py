"""The four pipelines do the same work: seen on images of one colour, whose mixes show their weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from timm.data import Mixup
from torch import Tensor

from benchmarks.equivalence.networks import network
from benchmarks.equivalence.pipelines import num_classes, opened, own_seed, torchvision_test_loader
from benchmarks.equivalence.settings import CUTMIX_ALPHA, MEAN, MIXUP_ALPHA, SMOOTHING, STD, TITLES, Settings
from benchmarks.equivalence.training import our_test_loader, steps_per_epoch

ALL = pytest.mark.parametrize("name", TITLES)


@ALL
def test_a_colour_is_normalised(name: str, coloured: Settings) -> None:
    images, targets = next(iter(opened(name, coloured, 0)))
    expected = (torch.tensor([200, 60, 20]) / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    assert images.shape == (4, 3, 16, 16) and images.dtype == torch.float32
    assert targets.shape == (4, 2) and targets.dtype == torch.float32
    torch.testing.assert_close(images, expected[None, :, None, None].expand_as(images), rtol=0, atol=1e-4)


@pytest.mark.parametrize("loader", [torchvision_test_loader, our_test_loader])
def test_test_images_too(loader: object, coloured: Settings) -> None:
    assert callable(loader)
    images, labels = next(iter(loader(coloured)))
    expected = (torch.tensor([200, 60, 20]) / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    torch.testing.assert_close(images, expected[None, :, None, None].expand_as(images), rtol=0, atol=1e-4)
    assert labels.tolist() == [0, 0, 1, 1]


@ALL
def test_an_epoch_has_every_image_in_whole_batches(name: str, black_and_white: Settings) -> None:
    loader = opened(name, black_and_white, 0)
    for _ in range(2):
        assert len(list(loader)) == steps_per_epoch(black_and_white) == 4


@ALL
def test_targets_follow_the_pixels(name: str, black_and_white: Settings) -> None:
    """The share of white in a mixed image is white's weight in its target, which is smoothed as timm does."""
    for images, targets in opened(name, black_and_white, 1):
        white = whiteness(images)
        weights = (targets[:, 1] - SMOOTHING / 2) / (1 - SMOOTHING)
        torch.testing.assert_close(white, weights, rtol=0, atol=3e-3)
        torch.testing.assert_close(targets.sum(1), torch.ones(4))


@ALL
def test_lam_has_timms_law(name: str, black_and_white: Settings) -> None:
    """One lam per batch, partners from the batch's other end, MixUp or CutMix with equal odds."""
    loader, seen, cut = opened(name, black_and_white, 2), [], 0
    for _ in range(75):
        for images, _targets in loader:
            rows = [row for row in range(2) if is_mixed(images, row)]
            for row in rows:
                white = whiteness(images)
                assert float(white[row] + white[3 - row]) == pytest.approx(1, abs=6e-3)
            if rows:
                # Black's and white's shares are lam and 1 - lam in some order, the same for both pairs.
                share = folded(whiteness(images)[rows])
                assert float(share.max() - share.min()) < 6e-3
                seen.append(float(share[0]))
                cut += len(images[rows[0]].flatten().unique()) > 3
    expected, expected_cut = timms(2000)
    assert len(seen) > 100
    assert stats.ks_2samp(seen, expected).pvalue > 1e-3
    assert stats.binomtest(cut, len(seen), expected_cut).pvalue > 1e-3


def whiteness(images: Tensor) -> Tensor:
    """(N,) the share of white in images of black and white, 0..1."""
    pixels = images * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
    return pixels.mean((1, 2, 3))


def is_mixed(images: Tensor, row: int) -> bool:
    """Whether the row and its partner, from the other end, are of different classes and mixed to be seen so: a lam that
    rounds to 0 or 1 in whole pixels or grey levels leaves no trace."""
    return 0.01 < float(whiteness(images)[row]) < 0.99


def folded(share: Tensor) -> Tensor:
    return torch.maximum(share, 1 - share)


def timms(batches: int) -> tuple[list[float], float]:
    """The same of timm alone: folded shares of a black and a white image, and the share of CutMix among the batches."""
    np.random.seed(3)
    mixup = Mixup(MIXUP_ALPHA, CUTMIX_ALPHA, label_smoothing=SMOOTHING, num_classes=2)
    seen, cut = [], 0
    for _ in range(batches):
        images = torch.stack([torch.full((3, 16, 16), float(value)) for value in (0, 0, 1, 1)])
        mixed, _ = mixup(images, torch.tensor([0, 0, 1, 1]))
        share = float(mixed[0].mean())
        if 0.01 < share < 0.99:
            seen.append(max(share, 1 - share))
            cut += len(mixed[0].unique()) > 1
    return seen, cut / len(seen)


def test_pipelines_of_one_seed_repeat_and_seeds_differ(black_and_white: Settings) -> None:
    for name in TITLES:
        first, again, other = (next(iter(opened(name, black_and_white, seed)))[0] for seed in (5, 5, 6))
        assert torch.equal(first, again), name
        assert not torch.equal(first, other), name


def test_each_pipeline_has_seeds_of_its_own() -> None:
    seeds = {own_seed(name, seed) for name in TITLES for seed in range(100)}
    assert len(seeds) == 400 and all(0 <= seed < 2**31 for seed in seeds)


def test_first_weights_are_the_seeds(black_and_white: Settings) -> None:
    def weights(seed: int) -> Tensor:
        return torch.cat(
            [p.flatten() for p in network("small", num_classes(black_and_white), seed).parameters()]
        )

    first = weights(0)
    torch.rand(7)
    assert torch.equal(first, weights(0)) and not torch.equal(first, weights(1))
    assert network("resnet18", 5, 0)(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
    with pytest.raises(ValueError, match="model='resnet5o', expected 'small' or one of torchvision's"):
        network("resnet5o", 5, 0)


def test_fewer_images_than_a_batch_are_refused(black_and_white: Settings) -> None:
    with pytest.raises(ValueError, match="batch_size=18, expected at most the 16 training images"):
        steps_per_epoch(replace(black_and_white, batch_size=18))
