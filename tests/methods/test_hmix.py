from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dali_mixup.methods import CutMix, HMix
from dali_mixup.methods.boxes import area_share


@pytest.mark.parametrize("r", [0.0, 0.5, 1.0])
def test_the_label_weight_is_beta_distributed_because_blending_makes_up_for_the_clipping(draw, r):
    lam = draw(HMix(1.0, r), 4000, 20, 30).weights[:, 0]
    assert stats.kstest(lam, stats.uniform().cdf).pvalue > 1e-3


def test_the_box_shows_the_partner_alone_and_the_rest_one_blend(draw):
    draws = draw(HMix(), 100, 30, 44)
    for mask, (y0, x0, y1, x1), lam in zip(draws.masks, draws.boxes, draws.weights[:, 0], strict=True):
        assert (mask[y0:y1, x0:x1] == 0).all()
        outside = np.ones_like(mask, dtype=bool)
        outside[y0:y1, x0:x1] = False
        assert len(np.unique(mask[outside])) == 1
        # The authors' code: blend = lam / (1 - area / (H W)), label lam.
        share = 1 - (y1 - y0) * (x1 - x0) / (30 * 44)
        np.testing.assert_allclose(mask[outside][0], lam / share, rtol=1e-6)


def test_the_box_has_the_share_r_of_the_partners_weight(draw):
    """Not r of the image nor r of the side. Boxes inside the border lose only what whole pixels cost."""
    draws = draw(HMix(r=0.5), 500, 200, 300)
    y0, x0, y1, x1 = draws.boxes.T
    inside = (y0 > 0) & (x0 > 0) & (y1 < 200) & (x1 < 300)
    wanted = 0.5 * draws.weights[inside, 1]
    np.testing.assert_allclose(area_share(draws.boxes[inside], 200, 300), wanted, atol=0.008)


def test_r_0_is_mixup_and_r_1_a_cutmix_box(draw):
    blend = draw(HMix(r=0), 50, 20, 20)
    np.testing.assert_allclose(
        blend.masks, np.broadcast_to(blend.weights[:, :1, None], (50, 20, 20)), rtol=1e-6
    )
    np.testing.assert_array_equal(draw(HMix(r=1), 50, 20, 20).boxes, draw(CutMix(1.0), 50, 20, 20).boxes)


@given(
    alpha=st.floats(0.01, 10),
    r=st.floats(0, 1),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_arguments_are_lawful(lawful, alpha, r, height, width, seed):
    lawful(HMix(alpha, r), 3, height, width, seed)


@pytest.mark.parametrize("arguments", [{"alpha": 0}, {"r": 1.5}, {"r": -0.1}])
def test_nonsense_is_refused(arguments):
    with pytest.raises(ValueError, match="HMix"):
        HMix(**arguments)
