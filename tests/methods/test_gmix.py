from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.methods import GMix


def published_mask(lam, cy, cx, side):
    """The authors' kernel for a square image: (own mask, own weight)."""
    x = np.tile(np.arange(side), (side, 1)) - cx
    kernel = np.exp(-(x**2 + (x.T + cx - cy) ** 2) * np.pi / (min(lam, 1 - lam) * side * side))
    return (kernel, kernel.sum() / side**2) if lam < 0.5 else (1 - kernel, 1 - kernel.sum() / side**2)


def test_masks_are_those_of_the_published_kernel():
    side = 24
    draws = GMix(0.8).draw(np.random.RandomState(4), 200, side, side)
    rng = np.random.RandomState(4)
    lam = rng.beta(0.8, 0.8, 200)
    cy, cx = (np.floor(rng.random_sample(200) * side) for _ in range(2))
    for i in range(200):
        mask, weight = published_mask(lam[i], cy[i], cx[i], side)
        np.testing.assert_allclose(draws.masks[i], mask, atol=2e-6)
        assert abs(draws.weights[i, 0] - weight) < 1e-6


def test_own_share_is_that_of_the_published_law(draw, same_mean):
    rng = np.random.RandomState(9)
    theirs = [
        published_mask(rng.beta(1.0, 1.0), rng.randint(48), rng.randint(48), 48)[1] for _ in range(4000)
    ]
    same_mean(draw(GMix(), 8000, 48, 48).weights[:, 0], np.array(theirs))


def test_the_lighter_image_shines_through_the_window(draw):
    draws = draw(GMix(), 200, 40, 40)
    own = draws.weights[:, 0]
    assert (draws.masks[own < 0.4].max((1, 2)) > 0.999).all()  # own window on the partner
    assert (draws.masks[own > 0.6].min((1, 2)) < 0.001).all()  # partner's window on the own image


def test_windows_are_round_and_hold_their_share_of_images_that_are_not_square():
    """G integrates to m H W whatever the proportions, as long as it fits inside."""
    rng = np.random.RandomState(0)
    masks = np.asarray(GMix(alpha=0.3).draw(rng, 4000, 40, 160).masks)
    lam = np.random.RandomState(0).beta(0.3, 0.3, 4000)
    light = np.minimum(lam, 1 - lam)
    window = np.where((lam < 0.5)[:, None, None], masks, 1 - masks)
    centre = window.reshape(4000, -1).argmax(1)
    y, x = centre // 160, centre % 160
    fits = (light > 1e-3) & (light < 0.01) & (abs(y - 20) < 8) & (abs(x - 80) < 60)
    assert fits.sum() > 20
    np.testing.assert_allclose(window[fits].mean((1, 2), dtype=np.float64), light[fits], rtol=0.02)


@pytest.mark.parametrize("alpha", [1e-3, 50.0])
def test_extreme_weights_stay_finite(lawful, alpha):
    lawful(GMix(alpha), 50, 17, 23)


@given(
    alpha=st.floats(0.01, 10),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_alpha_is_lawful(lawful, alpha, height, width, seed):
    lawful(GMix(alpha), 3, height, width, seed)
