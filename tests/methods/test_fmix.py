from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dali_mixup.methods import Bits, FMix
from dali_mixup.methods.clouds import clouds, limit, low_frequency_image, rounded, spectrum, waves_of
from dali_mixup.methods.contours import grid_size, highest, pixels, softened


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


@pytest.mark.parametrize(
    ("lam", "max_soft", "height", "width"),
    [
        (0.55, 0.5, 200, 200),
        (0.55, 0.5, 100, 100),
        (0.3, 0.5, 3, 50),
        (0.3, 0.3, 3, 50),
        (0.7, 0.3, 50, 3),
        (0.5, 0.5, 3, 5),
    ],
)
def test_the_soft_share_is_never_more_than_the_pixels_of_either_side(
    draw, lawful, lam, max_soft, height, width
):
    """lam * H * W and H * W * lam are rounded each in its way, so their whole parts may be a pixel apart."""
    method = FMix(lam=lam, max_soft=max_soft)
    for seed in range(4):
        lawful(method, 6, height, width, seed)
    assert abs(draw(method, 6, height, width).weights[:, 0] - lam).max() < (1 + 1e-9) / (height * width)


def test_rounding_up_and_down_is_even(draw):
    shares, counts = np.unique(draw(FMix(lam=0.5), 2000, 3, 5).weights[:, 0], return_counts=True)
    np.testing.assert_allclose(shares, [7 / 15, 8 / 15])
    assert stats.binomtest(int(counts[0]), 2000, 0.5).pvalue > 1e-3


def formula_mask(noise, height, width, decay, count, soft):
    """The paper's formula written out, not the authors' code, whose spectrum is another: scale complex noise, invert;
    then, as that code does, sort all pixels and cut."""
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


def rounded_to_int16(image: np.ndarray) -> np.ndarray:
    return rounded(image[None], 1)[0]


@pytest.mark.parametrize("soft", [0, 25])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 40), (31, 31)])
def test_masks_are_those_of_the_published_formula(height, width, soft):
    """Rounding to 65534 levels ties some pixels, so a few along a contour may change places."""
    noise = np.random.RandomState(5).standard_normal((2, height, width // 2 + 1))
    count = int(0.4 * height * width)
    image = low_frequency_image(np.random.RandomState(5), spectrum(height, width, 3.0), height, width)
    heights = rounded_to_int16(image)
    mask = softened(heights, count, soft) / 255 if soft else highest(heights, count)
    expected = formula_mask(noise, height, width, 3.0, count, soft)
    np.testing.assert_allclose(mask, expected, atol=1 / (2 * soft - 1) + 1 / 510 if soft else 0)


@pytest.mark.parametrize("lag", [4, 16, 40])
def test_masks_are_as_coarse_as_those_of_the_published_formula(draw, same_mean, lag):
    """How often pixels some way apart have the same owner, over 400 masks of 96 x 130 pixels at lam = 1/2."""
    rng = np.random.RandomState(1)
    noise = [rng.standard_normal((2, 96, 66)) for _ in range(400)]
    theirs = np.stack([formula_mask(each, 96, 130, 3.0, 6240, 0) for each in noise])
    ours = draw(FMix(lam=0.5), 400, 96, 130).masks
    down, across = (
        [(masks[:, lag:] == masks[:, :-lag]).mean((1, 2)) for masks in (ours, theirs)],
        [(masks[:, :, lag:] == masks[:, :, :-lag]).mean((1, 2)) for masks in (ours, theirs)],
    )
    same_mean(*down)
    same_mean(*across)


SIZES = [(224, 224), (96, 130), (131, 97), (64, 70), (600, 500)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_clouds_without_high_frequencies_are_fourier_sums_of_the_others(height, width):
    amplitude = spectrum(height, width, 3.0)
    most, stride = limit(amplitude, width)
    noise = np.random.RandomState(3).standard_normal((20, 2, 2 * most + 1, most + 1))
    given, made = clouds(np.random.RandomState(3), 20, height, width, 3.0)
    assert given == stride > 1
    for grid, (real, imaginary) in zip(made, noise, strict=True):
        full = np.zeros(amplitude.shape, complex)
        rows = np.arange(-most, most + 1)[:, None]
        full[rows, np.arange(most + 1)] = real + 1j * imaginary
        whole = np.fft.irfft2(amplitude * full, (height, width))
        points = np.pad(whole, ((0, stride), (0, stride)), mode="wrap")[::stride, ::stride]
        assert abs(grid).max() == 32767 // stride**2
        factor = (grid * points).sum() / (points**2).sum()
        # Half a level of rounding to whole numbers, and waves that are rounded to 13 places.
        assert abs(grid - factor * points).max() < 0.5 + 5e-3 * 32767 / stride**2 / 4


@pytest.mark.parametrize(("height", "width"), [*SIZES, (1024, 1024)])
def test_no_sum_of_a_cloud_is_rounded(height, width):
    """So its order, which differs between processors, makes no difference."""
    waves = waves_of(height, width, 3.0)
    noise = np.random.RandomState(0).standard_normal((3, 2, *waves.scale.shape))
    # Each amplitude is multiplied by a cosine or a sine down, and one across.
    most = 2 * np.rint(waves.scale * 8.6).sum() * abs(waves.rising).max() * abs(waves.turning).max()
    assert most < 2**53
    m, (y, x) = waves.scale.shape[1] - 1, (17, 11)
    whole = np.rint(waves.scale * noise).astype(np.int64).astype(object)  # Python's integers
    down = waves.rising.reshape(-1, 2 * m + 1)[y].astype(np.int64).astype(object)
    across = waves.turning[:, x].astype(np.int64).astype(object)
    cos_y = np.concatenate([down[m:0:-1], down[: m + 1]])
    sin_y = np.concatenate([-down[:m:-1], [0], down[m + 1 :]])
    cos_x, sin_x = across[: m + 1], -across[m + 1 :]
    for made, (real, imaginary) in zip(waves.images(noise), whole, strict=True):
        cosine = np.outer(cos_y, cos_x) - np.outer(sin_y, sin_x)
        sine = np.outer(sin_y, cos_x) + np.outer(cos_y, sin_x)
        assert int(made[y, x]) == (real * cosine - imaginary * sine).sum()


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

    tables = waves_of(side, side, 3.0)
    recorded = replace(tables, rising=tables.rising.view(Recorded), turning=tables.turning.view(Recorded))
    made = recorded.images(np.random.RandomState(0).standard_normal((3, 2, *tables.scale.shape)))
    assert 0 < largest <= 2**18  # OpenBLAS: SMP_THRESHOLD_MIN * GEMM_MULTITHREAD_THRESHOLD, 65536 * 4
    assert made.shape == (3, *grid_size(side, side, tables.stride))


@pytest.mark.parametrize("decay", [2.5, 3.0, 4.0])
def test_a_grid_without_high_frequencies_moves_contours_by_a_tenth_of_a_pixel(decay):
    amplitude = spectrum(224, 224, decay)
    (most, stride), rng = limit(amplitude, 224), np.random.RandomState(0)
    assert stride > 1
    y, x = np.abs(np.fft.fftfreq(224, 1 / 224))[:, None], np.arange(113)[None, :]
    changed, contour = np.zeros(2), 0
    for _ in range(20):
        noise = rng.standard_normal(amplitude.shape) + 1j * rng.standard_normal(amplitude.shape)
        whole, part = (
            np.fft.irfft2(amplitude * noise * kept, (224, 224)) for kept in (1, np.maximum(y, x) <= most)
        )
        grid = rounded(
            np.pad(part, ((0, stride), (0, stride)), mode="wrap")[None, ::stride, ::stride], stride
        )
        exact = highest(rounded_to_int16(whole), 25_000)
        cut, made = (
            highest(rounded_to_int16(part), 25_000),
            highest(pixels(grid[0], stride, 224, 224), 25_000),
        )
        changed += (exact != cut).sum(), (cut != made).sum()
        contour += (exact[1:] != exact[:-1]).sum() + (exact[:, 1:] != exact[:, :-1]).sum()
    # Pixel edges along a contour are up to sqrt(2) times its length, 4 / pi on average; |error| averages 0.8 rms.
    assert (changed / contour > 0.005).all() and (changed / contour < 0.1).all()


def test_where_nothing_can_be_left_out_all_frequencies_are_used():
    assert limit(spectrum(224, 224, 1.0), 224) is None
    assert limit(spectrum(16, 16, 3.0), 16) is None
    assert isinstance(FMix(decay=1.0).draw(np.random.RandomState(0), 2, 224, 224).masks, Bits)


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
