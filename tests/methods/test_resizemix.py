from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dali_mixup.methods import ResizeMix
from dali_mixup.methods.resizemix import LAWS

N = 50_000


def own_share(draws):
    return draws.weights[:, 0]


@pytest.mark.parametrize(
    ("law", "mean", "sd"),
    [("official", 0.759, 0.185), ("openmixup", 0.827, 0.133), ("mmpretrain", 0.646, 0.149)],
)
def test_reference_statistics_of_the_three_laws(draw, mean_is, law, mean, sd):
    lam = own_share(draw(ResizeMix(law), N, 224, 224))
    mean_is(lam, mean, published_error=2e-3)
    mean_is((lam - mean) ** 2, sd**2, published_error=1e-3)


def test_the_papers_law_is_the_default():
    assert ResizeMix() == ResizeMix("official", scope=(0.1, 0.8))


def test_official_weight_is_one_minus_the_square_of_a_uniform_scale(draw):
    lam = own_share(draw(ResizeMix(), 20_000, 2000, 2000))
    tau = np.sqrt(1 - lam)  # floored to 1/2000
    assert stats.kstest(tau, stats.uniform(0.1, 0.7).cdf).statistic < 1.95 / np.sqrt(20_000) + 1 / 1400


def official_boxes(rng, tau, height, width):
    """The published code's placement, for one patch: clip the first edge, then the last, then the first again."""
    cut = (int(np.floor(height * tau)), int(np.floor(width * tau)))
    edges = []
    for extent, d in zip((height, width), cut, strict=True):
        first = np.clip(rng.randint(0, extent) - d // 2, 0, extent)
        last = np.clip(first + d, 0, extent)
        edges.append((np.clip(last - d, 0, extent), last))
    return edges


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80)])
def test_official_paste_map_is_that_of_the_published_code(painted, draw, height, width):
    method = ResizeMix()
    ours = painted(method, draw(method, 10_000, height, width), height, width)[:, 1].mean(0)
    rng = np.random.RandomState(7)
    theirs = np.zeros((height, width))
    for _ in range(10_000):
        (y0, y1), (x0, x1) = official_boxes(rng, rng.uniform(0.1, 0.8), height, width)
        theirs[y0:y1, x0:x1] += 1 / 10_000
    # Worst of some 4000 correlated pixels; 5 standard errors of a difference of two shares near 1/2.
    assert abs(ours - theirs).max() < 5 * np.sqrt(2 * 0.25 / 10_000)


@pytest.mark.parametrize("law", LAWS)
def test_images_need_not_be_square(draw, law):
    """A published code swaps height and width here and crashes. Patches keep the image's proportions where they are
    not clipped."""
    draws = draw(ResizeMix(law), 5000, 60, 240)
    y0, x0, y1, x1 = draws.boxes.T
    whole = (y0 > 0) & (x0 > 0) & (y1 < 60) & (x1 < 240)
    assert whole.sum() > 300
    assert abs((x1 - x0)[whole] - 4 * (y1 - y0)[whole]).max() <= 4


def test_clipped_laws_paste_less_at_the_border(painted, draw):
    for law in ("openmixup", "mmpretrain"):
        pasted = painted(ResizeMix(law), draw(ResizeMix(law), 4000, 32, 32), 32, 32)[:, 1].mean(0)
        assert pasted[16, 16] > 2 * pasted[0, 0] > 0


@given(
    law=st.sampled_from(LAWS),
    scope=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted),
    height=st.integers(1, 50),
    width=st.integers(1, 50),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_scope_is_lawful(lawful, law, scope, height, width, seed):
    lawful(ResizeMix(law, scope=tuple(scope)), 3, height, width, seed)


@pytest.mark.parametrize(
    "arguments",
    [{"law": "timm"}, {"scope": (0, 0.8)}, {"scope": (0.8, 0.1)}, {"scope": (0.1, 1.1)}, {"alpha": 0}],
)
def test_nonsense_is_refused(arguments):
    with pytest.raises(ValueError, match="ResizeMix"):
        ResizeMix(**arguments)
