from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import beta as beta_function

from dali_mixup.methods import CutMix
from dali_mixup.methods.boxes import clipped, sides

N = 50_000


def own_share(draws):
    return draws.weights[:, 0]


def covered(draws, points):
    """Share of the draws whose box contains each of the pixels."""
    y0, x0, y1, x1 = draws.boxes.T
    return [((y0 <= y) & (y < y1) & (x0 <= x) & (x < x1)).astype(float) for y, x in points]


@pytest.mark.parametrize(
    ("method", "mean", "sd", "centre", "corner"),
    [
        (CutMix(1.0), 0.6818, 0.1882, 0.495, 0.126),  # timm 1.0.31 `Mixup(cutmix_alpha=1)`
        (CutMix(minmax=(0.2, 0.8)), 0.7547, 0.1256, 0.600, 0.000),  # timm 1.0.31, cutmix_minmax
        (CutMix(1.0, sampling="uniform"), 0.8425, 0.1605, 0.158, 0.155),  # Composer, uniform_sampling
    ],
)
def test_reference_statistics_at_224_pixels(draw, mean_is, method, mean, sd, centre, corner):
    """Measured on the other libraries with 50k to 200k draws, so their own error is about 0.001."""
    draws = draw(method, N, 224, 224)
    mean_is(own_share(draws), mean, published_error=3e-3)
    mean_is((own_share(draws) - mean) ** 2, sd**2, published_error=1e-3)
    in_centre, in_corner = covered(draws, [(112, 112), (0, 0)])
    mean_is(in_centre, centre, published_error=5e-3)
    mean_is(in_corner, corner, published_error=5e-3)


@pytest.mark.parametrize("alpha", [0.2, 0.8, 1.0, 2.0])
def test_expected_pasted_share_of_clipped_boxes(draw, mean_is, alpha):
    """Closed form in the continuum; whole pixels cost less than 0.006 of it at 224 (floor(side), twice)."""
    moment = beta_function(alpha + 1.5, alpha) / beta_function(alpha, alpha)
    expected = 0.5 - 0.5 * moment + (alpha + 1) / (32 * (2 * alpha + 1))
    mean_is(1 - own_share(draw(CutMix(alpha), N, 224, 224)), expected, published_error=0.006)


@given(lam=st.floats(0, 1), height=st.integers(1, 300), width=st.integers(1, 300), data=st.data())
def test_boxes_are_timms_to_the_pixel(lam, height, width, data):
    pytest.importorskip("timm", minversion="1.0.31", reason="earlier versions drop a pixel of odd sides")
    mixup = pytest.importorskip("timm.data.mixup")
    cy, cx = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    drawn = iter((cy, cx))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixup.np.random, "randint", lambda *_, **__: next(drawn))
        y0, y1, x0, x1 = mixup.rand_bbox((3, height, width), lam)
    cut_h, cut_w = sides(np.sqrt(1 - np.array([lam])), height, width)
    ours = clipped(np.array([cy]), np.array([cx]), cut_h, cut_w, height, width)
    assert ours.tolist() == [[y0, x0, y1, x1]]


def test_torchvision_draws_the_same_law_but_for_its_even_boxes(draw, same_mean):
    torch = pytest.importorskip("torch")
    v2 = pytest.importorskip("torchvision.transforms.v2")
    torch.manual_seed(0)
    transform = v2.CutMix(alpha=1.0, num_classes=2)
    images = torch.zeros(2, 3, 224, 224)
    theirs = []
    for _ in range(4000):
        x1, y1, x2, y2 = transform.make_params([images])["box"]
        theirs.append(1 - (x2 - x1) * (y2 - y1) / 224**2)
    # Its sides are twice floor(r / 2): up to two pixels less than ours of 224, of an average side of 150.
    same_mean(own_share(draw(CutMix(1.0), N, 224, 224)), np.array(theirs, dtype=float), explained=0.004)


@pytest.mark.parametrize("size", [(7, 12), (32, 20), (1, 25), (25, 1)])
def test_uniform_sampling_pastes_over_every_pixel_alike(painted, draw, size):
    method = CutMix(1.0, sampling="uniform")
    pasted = painted(method, draw(method, 20_000, *size), *size)[:, 1]
    p = pasted.mean(0)
    error = np.sqrt(p.mean() * (1 - p.mean()) / 20_000)
    assert abs(p - p.mean()).max() < 5 * error  # 5 errors: 640 pixels, 4e-4 for a true law


def test_uniform_sampling_matches_composers_formula(draw, same_mean):
    """Composer draws its centre in the same range, but cuts odd sides to the even number below."""
    rng = np.random.RandomState(3)
    theirs = []
    for _ in range(20_000):
        cut = int(224 * np.sqrt(1 - rng.beta(1.0, 1.0)))
        low, high = [], []
        for _ in range(2):
            c = rng.randint(-cut // 2, high=224 + cut // 2)
            low.append(np.clip(c - cut // 2, 0, 224))
            high.append(np.clip(c + cut // 2, 0, 224))
        theirs.append(1 - (high[0] - low[0]) * (high[1] - low[1]) / 224**2)
    same_mean(own_share(draw(CutMix(sampling="uniform"), N, 224, 224)), np.array(theirs), explained=0.003)


@pytest.mark.parametrize(
    "method", [CutMix(1.0), CutMix(sampling="uniform"), CutMix(minmax=(0.2, 0.7))], ids=repr
)
def test_a_line_of_pixels_has_boxes_of_a_share_of_its_length(draw, method):
    """The floor of a share of one pixel would be none."""
    (y0, x0, y1, x1), own = draw(method, 2000, 1, 90).boxes.T, own_share(draw(method, 2000, 1, 90))
    assert (y0 == 0).all() and (y1 == 1).all()
    np.testing.assert_allclose(own, 1 - (x1 - x0) / 90)
    (y0, x0, y1, x1) = draw(method, 2000, 90, 1).boxes.T
    assert (x0 == 0).all() and (x1 == 1).all() and 0.1 < (y1 - y0).mean() / 90 < 0.7


def test_the_share_of_a_line_is_one_minus_lam_but_for_clipping(draw, same_mean):
    rng = np.random.RandomState(5)
    cut = np.floor((1 - rng.beta(0.5, 0.5, 20_000)) * 200).astype(int)
    centre = rng.randint(200, size=20_000)
    theirs = 1 - (np.minimum(centre + (cut + 1) // 2, 200) - np.maximum(centre - cut // 2, 0)) / 200
    same_mean(own_share(draw(CutMix(0.5), N, 1, 200)), theirs)


def test_places_down_and_across_are_independent(draw):
    """One library shared a placement draw between both axes and the whole batch."""
    y0, x0, y1, x1 = draw(CutMix(minmax=(0.3, 0.4)), 20_000, 90, 90).boxes.T
    assert abs(np.corrcoef(y0 + y1, x0 + x1)[0, 1]) < 4 / np.sqrt(20_000)
    assert abs(np.corrcoef(y1 - y0, x1 - x0)[0, 1]) < 4 / np.sqrt(20_000)


def test_the_own_label_is_weighted_by_what_is_left_not_by_what_was_pasted(draw):
    draws = draw(CutMix(1.0), 100, 40, 30)
    y0, x0, y1, x1 = draws.boxes.T
    np.testing.assert_allclose(own_share(draws), 1 - (y1 - y0) * (x1 - x0) / 1200)


def test_height_comes_from_the_height(draw):
    """Boxes keep the image's proportions; a library computed the width of the box from the height of the image."""
    y0, x0, y1, x1 = draw(CutMix(minmax=(0.5, 0.51)), 100, 300, 100).boxes.T
    assert set(y1 - y0) <= {150, 151, 152} and set(x1 - x0) == {50}


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    sampling=st.sampled_from(["centre", "uniform"]),
    alpha=st.floats(0.05, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_alpha_and_sampling_is_lawful(lawful, height, width, sampling, alpha, seed):
    lawful(CutMix(alpha, sampling=sampling), 3, height, width, seed)


@given(
    bounds=st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda b: b[0] != b[1]).map(sorted),
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_minmax_is_lawful(lawful, bounds, height, width, seed):
    lawful(CutMix(minmax=tuple(bounds)), 3, height, width, seed)


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": 0},
        {"minmax": (0.8, 0.2)},
        {"minmax": (0.2, 0.2)},
        {"minmax": (0.2, 1.2)},
        {"minmax": 0.3},
        {"sampling": "random"},
        {"sampling": "uniform", "minmax": (0.2, 0.8)},
    ],
)
def test_nonsense_is_refused(arguments):
    with pytest.raises(ValueError, match="CutMix"):
        CutMix(**arguments)
