from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch

from dali_mixup.sound import gain
from dali_mixup.sound.loudness import a_weighting

# IEC 61672-1, table of the weightings at the nominal frequencies, in decibels.
A = {
    31.5: -39.4,
    63: -26.2,
    125: -16.1,
    250: -8.6,
    500: -3.2,
    1000: 0.0,
    2000: 1.2,
    4000: 1.0,
    8000: -1.1,
    16000: -6.6,
}


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).uniform(-1, 1, shape)


def tone(hertz: float, rate: int = 16000, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)[None]


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_torchs_default_device_does_not_matter(kind: Any) -> None:
    sounds = kind(noise(2, 4096))
    expected = gain(sounds, 16000)
    with torch.device("meta"):
        np.testing.assert_array_equal(gain(sounds, 16000), expected)


def test_the_a_weighting_is_the_standards() -> None:
    nominal, expected = torch.tensor(list(A)), np.array(list(A.values()))
    exact = 1000 * 10 ** (torch.round(10 * torch.log10(nominal.double() / 1000)) / 10)
    np.testing.assert_allclose(a_weighting(exact), expected, atol=0.06)


@pytest.mark.parametrize(
    ("rate", "length"), [(16000, 2048), (44100, 4096), (8000, 1024), (48000, 4096), (22050, 2048)]
)
def test_levels_are_scipys_spectra_weighed_and_the_loudest_counts(rate: int, length: int) -> None:
    sounds = noise(3, 5 * length + 77) * np.linspace(0.1, 1, 5 * length + 77)
    window = scipy.signal.windows.hann(length, sym=False)
    # SciPy's spectrum is divided by the window's sum.
    frequencies, _, spectra = scipy.signal.stft(
        sounds, rate, window, length, noverlap=length // 2, boundary=None, padded=False, scaling="spectrum"
    )
    weights = a_weighting(torch.from_numpy(frequencies)).numpy()
    power = abs(spectra * window.sum()) ** 2 * 10 ** (weights / 10)[:, None]
    np.testing.assert_allclose(gain(sounds, rate), 10 * np.log10(power.sum(1)).max(1), atol=1e-9)


def test_without_weighting_it_is_the_mean_square_of_the_loudest_window() -> None:
    sounds = noise(2, 4096) * np.r_[np.full(2048, 0.1), np.ones(2048)]
    expected = 10 * np.log10((sounds[:, 2048:] ** 2).mean(1))
    np.testing.assert_allclose(gain(sounds, 16000, weighting="none"), expected, atol=1e-9)


@pytest.mark.parametrize("weighting", ["A", "none"])
def test_ten_times_the_amplitude_is_20_decibels(weighting: Any) -> None:
    quiet = noise(4, 16000) / 50
    np.testing.assert_allclose(
        gain(10 * quiet, 16000, weighting=weighting) - gain(quiet, 16000, weighting=weighting), 20
    )


def test_a_low_tone_counts_as_quieter_by_its_weight() -> None:
    low, reference = gain(tone(125), 16000), gain(tone(1000), 16000)
    np.testing.assert_allclose(low - reference, A[125], atol=0.1)


def test_silence_is_at_the_floor() -> None:
    assert gain(np.zeros((2, 8000)), 16000).tolist() == [-80, -80]


@pytest.mark.parametrize("samples", [1, 100, 2047])
def test_sounds_shorter_than_a_window_count_as_followed_by_zeros(samples: int) -> None:
    short = noise(2, samples)
    padded = np.pad(short, ((0, 0), (0, 2048 - samples)))
    np.testing.assert_allclose(gain(short, 16000), gain(padded, 16000))


def test_powers_of_channels_are_averaged_wherever_they_are() -> None:
    sounds = noise(3, 2, 4096)
    each = np.stack([gain(sounds[:, c], 16000) for c in range(2)])
    loudness = gain(sounds, 16000)
    assert (loudness > each.min(0) - 1e-9).all() and (loudness < each.max(0) + 1e-9).all()
    twice = np.repeat(sounds[:, :1], 2, axis=1)
    np.testing.assert_allclose(gain(twice, 16000), each[0])
    np.testing.assert_allclose(gain(np.moveaxis(sounds, 1, 2), 16000, axis=1), loudness)


def test_arrays_give_arrays_and_tensors_tensors_of_their_precision() -> None:
    sounds = noise(2, 5000)
    exact = gain(sounds, 16000)
    assert isinstance(exact, np.ndarray) and exact.dtype == np.float64
    for dtype, error in ((torch.float32, 1e-3), (torch.float16, 0.05), (torch.bfloat16, 0.2)):
        level = gain(torch.from_numpy(sounds).to(dtype).requires_grad_(), 16000)
        assert level.dtype == torch.float32 and not level.requires_grad
        np.testing.assert_allclose(level, exact, atol=error)
    assert gain(sounds.astype(np.float32), 16000).dtype == np.float32
    np.testing.assert_allclose(
        gain(sounds[:, ::-1][:, ::2], 16000), gain(sounds[:, ::-1][:, ::2].copy(), 16000)
    )


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g"])
@pytest.mark.parametrize("order", "<>")
def test_all_of_numpys_kinds_of_floats(dtype: str, order: str) -> None:
    """torch takes neither foreign byte orders nor long doubles."""
    sounds = np.random.RandomState(0).uniform(-1, 1, (2, 5000)).astype("f2")
    level = gain(sounds.astype(np.dtype(dtype).newbyteorder(order)), 16000)
    assert level.dtype == (np.float32 if dtype in ("f2", "f4") else np.float64)
    np.testing.assert_allclose(level, gain(sounds.astype("f8"), 16000), atol=1e-3)


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"sounds": np.zeros((2, 8), np.int16)}, TypeError, "int16 by 32768"),
        ({"sounds": torch.zeros(2, 8, dtype=torch.int16)}, TypeError, "sounds of torch.int16"),
        ({"sounds": [[0.0]]}, TypeError, "is a list"),
        ({"sounds": np.zeros(8)}, ValueError, r"shape \(8,\)"),
        ({"sounds": np.zeros((2, 0))}, ValueError, r"shape \(2, 0\)"),
        ({"sample_rate": 0}, ValueError, "sample_rate=0"),
        ({"sample_rate": "16k"}, TypeError, "sample_rate='16k'"),
        ({"sample_rate": 1e300}, ValueError, r"sample_rate=1e\+300, .* <= 10000000"),
        ({"sample_rate": 5e-324}, ValueError, "sample_rate=5e-324"),
        ({"weighting": "C"}, ValueError, "weighting='C'"),
        ({"axis": 0}, ValueError, "axis=0"),
        ({"axis": 2}, ValueError, "axis=2"),
    ],
)
def test_nonsense_is_refused(given: dict[str, Any], error: type[Exception], match: str) -> None:
    arguments = {"sounds": np.zeros((2, 8)), "sample_rate": 16000} | given
    with pytest.raises(error, match=f"gain: .*{match}|gain: {match}"):
        gain(**arguments)
