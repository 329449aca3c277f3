from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dali_mixup.methods import FMix
from dali_mixup.methods.clouds import Cloud, _waves, clouds, limit, low_frequency_image, spectrum
from dali_mixup.methods.contours import highest, softened


def test_a_hard_mask_has_a_whole_number_of_own_pixels_and_its_label_counts_them(draw):
    draws = draw(FMix(), 50, 20, 31)
    assert set(np.unique(draws.masks)) == {0.0, 1.0}
    np.testing.assert_array_equal(draws.weights[:, 0], draws.masks.sum((1, 2), dtype=np.float64) / 620)


def test_lam_is_beta_distributed_up_to_one_pixel(draw):
    lam = draw(FMix(1.0), 4000, 16, 16).weights[:, 0]
    # The 0.1% bound of the statistic, and one pixel of 256 either way.
    assert stats.kstest(lam, stats.uniform().cdf).statistic < 1.95 / np.sqrt(4000) + 1 / 256


def test_reformulated_lam_favours_the_own_image(draw, mean_is):
    lam = draw(FMix(1.0, reformulate=True), 4000, 16, 16).weights[:, 0]
    mean_is(lam, 2 / 3)
    assert stats.kstest(lam, stats.beta(2, 1).cdf).statistic < 1.95 / np.sqrt(4000) + 1 / 256


@pytest.mark.parametrize("soft", [0.0, 0.1])
@pytest.mark.parametrize("lam", [0.0, 0.03, 0.3, 0.5, 1.0])
def test_a_given_lam_is_the_masks_and_the_labels(draw, lam, soft):
    """A published code builds its mask from a lam of its own and returns the given one: 0.24 apart on average."""
    draws = draw(FMix(lam=lam, max_soft=soft), 20, 33, 20)
    assert abs(draws.weights[:, 0] - lam).max() < 1 / 660
    np.testing.assert_allclose(draws.masks.mean((1, 2), dtype=np.float64), draws.weights[:, 0], atol=1e-6)


def test_rounding_up_and_down_is_even(draw):
    shares, counts = np.unique(draw(FMix(lam=0.5), 2000, 3, 5).weights[:, 0], return_counts=True)
    np.testing.assert_allclose(shares, [7 / 15, 8 / 15])
    assert stats.binomtest(int(counts[0]), 2000, 0.5).pvalue > 1e-3


def published_mask(noise, height, width, decay, count, soft):
    """The FMix authors' steps written out: scale complex noise, invert, sort all pixels, cut."""
    fy, fx = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width)[: width // 2 + 1], indexing="ij")
    # For even widths the last frequency of fftfreq is -1/2; only its size matters.
    scale = 1 / np.maximum(np.sqrt(fx * fx + fy * fy), 1 / max(height, width)) ** decay
    cloud = np.fft.irfftn(scale * (noise[0] + 1j * noise[1]), (height, width), axes=(0, 1))
    cloud = (cloud - cloud.min()) / (cloud.max() - cloud.min())
    mask, order = cloud.reshape(-1).copy(), cloud.reshape(-1).argsort()[::-1]
    mask[order[: count + soft]] = 1
    mask[order[count - soft :]] = 0
    mask[order[count - soft : count + soft]] = np.linspace(1, 0, 2 * soft)
    return mask.reshape(height, width)


def exactly(values: np.ndarray) -> Cloud:
    """An image without rounding errors."""
    return Cloud(values, 0.0, values.__getitem__)


@pytest.mark.parametrize("soft", [0, 25])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 40), (31, 31)])
def test_masks_are_those_of_the_published_formula(height, width, soft):
    noise = np.random.RandomState(5).standard_normal((2, height, width // 2 + 1))
    count = int(0.4 * height * width)
    cloud = exactly(
        low_frequency_image(np.random.RandomState(5), spectrum(height, width, 3.0), height, width)
    )
    mask = softened(cloud, count, soft) if soft else highest(cloud, count)
    np.testing.assert_allclose(mask, published_mask(noise, height, width, 3.0, count, soft), atol=1e-6)


@pytest.mark.parametrize("lag", [4, 16, 40])
def test_masks_are_as_coarse_as_those_of_the_published_code(draw, same_mean, lag):
    """How often pixels some way apart have the same owner, over 400 masks of 96 x 130 pixels at lam = 1/2."""
    rng = np.random.RandomState(1)
    noise = [rng.standard_normal((2, 96, 66)) for _ in range(400)]
    theirs = np.stack([published_mask(each, 96, 130, 3.0, 6240, 0) for each in noise])
    ours = draw(FMix(lam=0.5), 400, 96, 130).masks
    down, across = (
        [(masks[:, lag:] == masks[:, :-lag]).mean((1, 2)) for masks in (ours, theirs)],
        [(masks[:, :, lag:] == masks[:, :, :-lag]).mean((1, 2)) for masks in (ours, theirs)],
    )
    same_mean(*down)
    same_mean(*across)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (96, 130), (131, 97), (600, 500)])
def test_clouds_without_high_frequencies_are_fourier_sums_of_the_others(height, width):
    amplitude = spectrum(height, width, 3.0)
    most = limit(amplitude, width)
    noise = np.random.RandomState(3).standard_normal((11, 2, 2 * most + 1, most + 1))
    made = clouds(np.random.RandomState(3), 11, height, width, 3.0)
    for cloud, (real, imaginary) in zip(made, noise, strict=True):
        full = np.zeros(amplitude.shape, complex)
        rows = np.arange(-most, most + 1)[:, None]
        full[rows, np.arange(most + 1)] = real + 1j * imaginary
        expected = np.fft.irfft2(amplitude * full, (height, width)) * height * width
        assert abs(cloud.values - expected).max() < cloud.error < 1e-4 * abs(expected).max()
        y, x = np.random.RandomState(0).randint(0, (height, width), (50, 2)).T
        np.testing.assert_allclose(cloud.exact((y, x)), expected[y, x], atol=1e-12 * abs(expected).max())


@pytest.mark.parametrize("side", [96, 224, 384, 600])
def test_no_product_is_worth_threads_to_openblas(side):
    """Its threads wait for each other where DALI's use all cores: 256 masks took a second and more, not 24 ms."""
    largest = 0

    class Recorded(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            nonlocal largest
            plain = [np.asarray(each) for each in inputs]
            if ufunc is np.matmul:
                largest = max(largest, plain[0].shape[-2] * plain[0].shape[-1] * plain[1].shape[-1])
            return getattr(ufunc, method)(*plain, **options)

    tables = _waves(side, side, 3.0)
    recorded = replace(tables, rising=tables.rising.view(Recorded), turning=tables.turning.view(Recorded))
    noise = np.random.RandomState(0).standard_normal((3, 2, *tables.scale.shape))
    room = np.empty((3, *tables.rising.shape[:2], side), np.float32)
    made = recorded.images(noise, room)
    assert 0 < largest <= 2**18  # OpenBLAS: SMP_THRESHOLD_MIN * GEMM_MULTITHREAD_THRESHOLD, 65536 * 4
    assert made.shape == (3, side, side)


def test_the_highest_pixels_are_those_of_the_exact_cloud():
    rng, y, x = np.random.RandomState(2), *np.mgrid[0:96, 0:130].reshape(2, -1)
    for cloud in clouds(rng, 300, 96, 130, 3.0):
        count = rng.randint(1, 96 * 130)
        expected = np.zeros(96 * 130, bool)
        expected[np.argsort(-cloud.exact((y, x)))[:count]] = True
        np.testing.assert_array_equal(highest(cloud, count).ravel(), expected)


@pytest.mark.parametrize("size", [(4, 5), (60, 70)])  # all pixels in the guessed range, and few of them
def test_where_rounding_may_have_changed_the_order_the_exact_values_decide(size):
    exact = np.random.RandomState(0).permutation(size[0] * size[1]).reshape(size) * 1.0
    rounded = (exact // 3).astype(
        np.float32
    )  # three pixels each are level, and only the exact values order them
    cloud = Cloud(rounded, 0.1, exact.__getitem__)
    for count in range(exact.size + 1):
        np.testing.assert_array_equal(highest(cloud, count), exact >= exact.size - count)


@pytest.mark.parametrize("decay", [2.5, 3.0, 4.0])
def test_leaving_frequencies_out_moves_contours_by_a_tenth_of_a_pixel(decay):
    amplitude = spectrum(224, 224, decay)
    most, rng = limit(amplitude, 224), np.random.RandomState(0)
    y, x = np.abs(np.fft.fftfreq(224, 1 / 224))[:, None], np.arange(113)[None, :]
    changed = contour = 0
    for _ in range(20):
        noise = rng.standard_normal(amplitude.shape) + 1j * rng.standard_normal(amplitude.shape)
        whole, part = (
            highest(exactly(np.fft.irfft2(amplitude * noise * kept, (224, 224))), 25_000)
            for kept in (1, np.maximum(y, x) <= most)
        )
        changed += (whole != part).sum()
        contour += (whole[1:] != whole[:-1]).sum() + (whole[:, 1:] != whole[:, :-1]).sum()
    # Pixel edges along a contour are up to sqrt(2) times its length, 4 / pi on average; |error| averages 0.8 rms.
    assert 0.005 < changed / contour < 0.1


def test_where_nothing_can_be_left_out_all_frequencies_are_used():
    assert limit(spectrum(224, 224, 1.0), 224) is None
    assert limit(spectrum(16, 16, 3.0), 16) is None


@given(
    values=st.lists(
        st.sampled_from([-1.0, 0.0, 0.5, 0.5000001, 7.0, 1e9]) | st.floats(-1, 1), min_size=1, max_size=3000
    ),
    share=st.floats(0, 1),
)
def test_exactly_as_many_pixels_as_asked_for_are_the_highest(values, share):
    cloud = np.array([values], np.float32)
    count = int(share * cloud.size)
    mask = highest(exactly(cloud), count)
    assert mask.sum() == count
    assert not 0 < count < cloud.size or cloud[mask].min() >= cloud[~mask].max()


def test_power_falls_off_with_twice_the_decay():
    """|amplitude|^2 ~ f^-6 at decay 3: an octave is a factor of 64. 400 images, so each power is known to about 7%."""
    amplitude = spectrum(64, 64, 3.0)
    rng = np.random.RandomState(0)
    power = sum(abs(np.fft.rfft2(low_frequency_image(rng, amplitude, 64, 64))) ** 2 for _ in range(400))
    assert 64 * 0.75 < power[0, 2] / power[0, 4] < 64 / 0.75
    assert 64 * 0.75 < power[3, 3] / power[6, 6] < 64 / 0.75


def test_more_decay_makes_shorter_contours(draw):
    def contour(decay):
        masks = draw(FMix(lam=0.5, decay=decay), 30, 40, 40).masks.astype(int)
        return abs(np.diff(masks, axis=1)).sum() + abs(np.diff(masks, axis=2)).sum()

    assert contour(1.0) > 2 * contour(2.0) > 2 * contour(4.0)


def test_every_pixel_is_equally_likely_to_be_own(draw):
    share = draw(FMix(lam=0.5), 2000, 12, 14).masks.mean(0)
    assert abs(share - 0.5).max() < 5 * 0.5 / np.sqrt(2000)


@given(
    alpha=st.floats(0.05, 5),
    decay=st.floats(0, 5),
    max_soft=st.floats(0, 0.5),
    lam=st.none() | st.floats(0, 1),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_arguments_are_lawful(lawful, alpha, decay, max_soft, lam, height, width, seed):
    lawful(FMix(alpha, decay, max_soft, lam=lam), 2, height, width, seed)


@pytest.mark.parametrize(
    "arguments", [{"alpha": 0}, {"decay": -1}, {"max_soft": 0.6}, {"lam": 2}, {"reformulate": 1}]
)
def test_nonsense_is_refused(arguments):
    with pytest.raises((TypeError, ValueError), match="FMix"):
        FMix(**arguments)
