from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.methods import MaskMix


def test_blocks_are_whole_and_their_number_is_rounded_up(draw):
    draws = draw(MaskMix(block=8), 300, 32, 24)
    rng = np.random.RandomState(0)
    lam = rng.beta(1.0, 1.0, 300)
    blocks = draws.masks.reshape(300, 4, 8, 3, 8)
    assert (blocks == blocks[:, :, :1, :, :1]).all()
    np.testing.assert_array_equal(blocks[:, :, 0, :, 0].sum((1, 2)), np.ceil(lam * 12))
    np.testing.assert_allclose(draws.weights[:, 0], np.ceil(lam * 12) / 12)


def test_expected_own_share_of_uniform_lam(draw, mean_is):
    # E[ceil(16 U) / 16] = 17 / 32
    mean_is(draw(MaskMix(block=4), 20_000, 16, 16).weights[:, 0], 17 / 32)


def test_every_block_is_equally_likely(draw):
    share = draw(MaskMix(block=4), 20_000, 12, 20).masks[:, ::4, ::4].mean(0)
    assert abs(share - share.mean()).max() < 5 * 0.5 / np.sqrt(20_000)


def test_blocks_cut_by_the_border_count_for_their_pixels_only(draw):
    """224 pixels are 3.5 blocks of 64. The published code labels by blocks, up to 0.2 off; here pixels are counted."""
    draws = draw(MaskMix(), 200, 224, 224)
    own = draws.masks.mean((1, 2), dtype=np.float64)
    np.testing.assert_allclose(draws.weights[:, 0], own, atol=1e-12)
    blocks = draws.masks[:, ::64, ::64].mean((1, 2), dtype=np.float64)
    assert abs(own - blocks).max() > 0.05


def test_an_image_of_one_block_stays_as_it_is(draw):
    assert (draw(MaskMix(block=64), 100, 64, 50).weights[:, 0] == 1).all()


@given(
    alpha=st.floats(0.05, 5),
    block=st.integers(1, 50),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_arguments_are_lawful(lawful, alpha, block, height, width, seed):
    lawful(MaskMix(alpha, block), 3, height, width, seed)


@pytest.mark.parametrize("arguments", [{"alpha": 0}, {"block": 0}, {"block": 1.5}])
def test_nonsense_is_refused(arguments):
    with pytest.raises((TypeError, ValueError), match="MaskMix"):
        MaskMix(**arguments)
