from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.methods import SmoothMix


def published_kernel(rng, side):
    """OpenMixup's `gaussian_kernel`, the partner's weight: a grid of twice the side, rolled, its middle cut out."""
    s = 2 * side
    shift_x, shift_y = int(rng.randint(0, side) - side / 2), int(rng.randint(0, side) - side / 2)
    sigma = (rng.rand() / 4 + 0.25) * side
    y, x = np.mgrid[0:s, 0:s]
    middle = slice(s // 4, s - s // 4)
    x = np.roll(np.roll(x, shift_y, 0), shift_x, 1)[middle, middle]
    y = np.roll(np.roll(y, shift_y, 0), shift_x, 1)[middle, middle]
    return np.exp(-((x - (s - 1) / 2) ** 2 + (y - (s - 1) / 2) ** 2) / (2 * sigma**2))


def test_partners_share_is_the_mean_of_the_published_kernel(draw, same_mean):
    """There it is returned as the weight of the row's own label, though the kernel weighs the partner: labels inverted,
    0.25 off on average. Centres there are whole pixels from -1/2 to H - 3/2, here anywhere in the image."""
    rng = np.random.RandomState(2)
    theirs = np.array([published_kernel(rng, 64).mean() for _ in range(4000)])
    ours = draw(SmoothMix(), 8000, 64, 64).weights
    same_mean(ours[:, 1], theirs, explained=0.001)
    assert abs(ours[:, 0].mean() - theirs.mean()) > 0.1  # so the test can tell the sides apart


def test_label_belongs_to_the_image_that_is_seen(draw):
    """At the darkest point of the own mask the partner is alone, and the own weight is the own mask's mean."""
    draws = draw(SmoothMix(sigma=(0.05, 0.06)), 50, 60, 60)
    assert (draws.masks.min((1, 2)) < 0.02).all()
    assert (draws.weights[:, 0] > 0.9).all()  # a small window: nearly all of the image is the row's own
    np.testing.assert_allclose(draws.masks.mean((1, 2), dtype=np.float64), draws.weights[:, 0], atol=1e-6)


def test_windows_are_round_and_anywhere_on_images_that_are_not_square(draw):
    masks = draw(SmoothMix(sigma=(0.1, 0.1)), 4000, 20, 80).masks
    centre = masks.reshape(4000, -1).argmin(1)
    y, x = centre // 80, centre % 80
    assert y.min() == 0 and y.max() == 19 and x.min() == 0 and x.max() == 79
    assert abs(y.mean() - 9.5) < 4 * y.std() / np.sqrt(4000) and abs(x.mean() - 39.5) < 4 * x.std() / np.sqrt(
        4000
    )
    inner = masks[(y == 10) & (x == 40)][0]
    sigma = 0.1 * np.sqrt(20 * 80)
    # Along both axes the same curve: exp(-d^2 / 2 sigma^2), centre within half a pixel.
    for line in (inner[10:16, 40], inner[10, 40:46]):
        d = np.arange(6)
        expected = [1 - np.exp(-((d + shift) ** 2) / (2 * sigma**2)) for shift in (-0.75, 0.75)]
        assert (line >= np.minimum(*expected) - 0.05).all() and (line <= np.maximum(*expected) + 0.05).all()


@given(
    sigma=st.tuples(st.floats(1e-3, 10), st.floats(1e-3, 10)).map(sorted),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_sigma_is_lawful(lawful, sigma, height, width, seed):
    lawful(SmoothMix(tuple(sigma)), 3, height, width, seed)


@pytest.mark.parametrize("sigma", [0.3, (0, 0.5), (0.5, 0.2)])
def test_nonsense_is_refused(sigma):
    with pytest.raises(ValueError, match="SmoothMix"):
        SmoothMix(sigma)
