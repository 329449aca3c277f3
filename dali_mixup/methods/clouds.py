"""Random images whose amplitudes fall off with the frequency, in whole numbers: FMix's clouds.

Every step that rounds is one operation on one number, and every sum is one of whole numbers that float64 holds exactly.
So the order of the sums, which differs between processors, does not matter, and neither do threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dali_mixup.methods.contours import HIGHEST, grid_size

AT_ONCE = 16  # clouds that are made together: their arrays stay in a core's cache
MOVED = 0.1  # pixels that contours may move by, for each of two reasons
STRIDES = (4, 2, 1)  # pixels between the points of a grid
ALONE = 2**18  # products of a matrix multiplication up to which OpenBLAS uses one thread
NOISE_BITS, WAVE_BITS = 22, 13
"""Of the amplitudes and of the waves, which are rounded to so many binary places. Amplitudes add up to 1, and normally
distributed numbers stay below 2^4: so sums of products of one amplitude and two waves stay below 2^53."""


def spectrum(height: int, width: int, decay: float) -> np.ndarray:
    """(H, W // 2 + 1) float64 amplitudes max(f, 1)^-decay, f the frequency in periods per the larger of H and W. The
    mean's is 0: it moves no contour."""
    f = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    amplitude: np.ndarray = np.maximum(f * max(height, width), 1.0) ** -decay
    amplitude[0, 0] = 0.0
    return amplitude


def limit(amplitude: np.ndarray, width: int) -> tuple[int, int] | None:
    """The highest frequency needed, in periods per image, down and across, and the largest of `STRIDES` at which a grid
    of points is enough, between which the image is bilinear; None if leaving frequencies out does not pay.

    A contour lies where the cloud has some value, so an error e moves it by about e / |gradient|, here with both taken
    as their root mean squares over the image. Between points t apart a wave cos(w x) is off a straight line by
    w^2 x (t - x) / 2 at most, whose root mean square is w^2 t^2 / sqrt(120).
    """
    height = amplitude.shape[0]
    y, x = np.abs(np.fft.fftfreq(height, 1 / height))[:, None], np.arange(amplitude.shape[1])[None, :]
    down, across = 2 * np.pi * y / height, 2 * np.pi * x / width
    power = amplitude**2 * np.where(x > 0, 2.0, 1.0)
    gradient = np.sqrt((power * (down**2 + across**2)).sum())
    bend = power * (down**2 + across**2) ** 2 / 120
    for most in range(1, min(height, width) // 6):
        kept = np.maximum(y, x) <= most
        if np.sqrt(power[~kept].sum()) <= MOVED * gradient:
            off = np.sqrt(bend[kept].sum()) / gradient
            return most, next(stride for stride in STRIDES if stride == 1 or off * stride**2 <= MOVED)
    return None


def low_frequency_image(
    rng: np.random.RandomState, amplitude: np.ndarray, height: int, width: int
) -> np.ndarray:
    """(H, W) float64 random image with the given amplitudes and normally distributed phases."""
    noise = rng.standard_normal((2, *amplitude.shape))
    return np.fft.irfft2(amplitude * (noise[0] + 1j * noise[1]), (height, width))


def clouds(
    rng: np.random.RandomState, n: int, height: int, width: int, decay: float
) -> tuple[int, Iterator[np.ndarray]]:
    """The stride of the grids, and n independent clouds of H x W pixels as such grids, of int16 (see `Contours`).

    Where the amplitudes fall off fast, frequencies above a limit move the contours by less than a tenth of a pixel.
    Then they are left out (`limit`), a grid of points is enough, and small matrix products replace the Fourier
    transform.
    """
    waves = waves_of(height, width, decay)
    if waves is not None:
        return waves.stride, _summed(waves, rng.standard_normal((n, 2, *waves.scale.shape)))
    amplitude = spectrum(height, width, decay)
    whole = (low_frequency_image(rng, amplitude, height, width) for _ in range(n))
    # One point more down and across than pixels, as every grid has.
    return 1, (np.pad(rounded(image[None], 1)[0], ((0, 1), (0, 1))) for image in whole)


def _summed(waves: Waves, noise: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(noise), AT_ONCE):
        yield from rounded(waves.images(noise[first : first + AT_ONCE]), waves.stride)


def rounded(images: np.ndarray, stride: int) -> np.ndarray:
    """(n, ...) int16, each image scaled so that the sums that make up a pixel just fit."""
    peaks = np.maximum(images.max((1, 2)), -images.min((1, 2)))
    factors = (HIGHEST // stride**2) / np.where(peaks > 0, peaks, 1.0)
    return np.rint(images * factors[:, None, None]).astype(np.int16)


@dataclass(frozen=True)
class Waves:
    """Tables for grids (h, w) of points of images that are sums of waves with at most m periods down and across.

    Attributes:
        scale: (2 m + 1, m + 1) amplitudes, by the periods -m..m down and 0..m across, times 2^NOISE_BITS; columns but
            the first stand for two frequencies, kx and -kx, whose sum is twice a real part.
        rising: (blocks, rows, 2 m + 1), cos(2 pi ky y / H) for ky of 0..m, then sin(2 pi ky y / H) for ky of 1..m,
            rounded, times 2^WAVE_BITS; in blocks of rows (see `block`), with zeros after the last row.
        turning: (2 (m + 1), w), cos(2 pi kx x / W) for kx of 0..m, then -sin(2 pi kx x / W), likewise.
        stride: pixels between two points.
        points: h.
    """

    scale: np.ndarray
    rising: np.ndarray
    turning: np.ndarray
    stride: int
    points: int

    def images(self, noise: np.ndarray) -> np.ndarray:
        """(n, h, w) float64 whole numbers: images whose amplitudes are `scale` times noise[:, 0] + i noise[:, 1],
        rounded.

        The waves of ky and -ky are joined to cosines and sines down, so that the large product is one of real numbers.

        Args:
            noise: (n, 2, 2 m + 1, m + 1).
        """
        m = noise.shape[3] - 1
        real, imaginary = np.moveaxis(np.rint(self.scale * noise), 1, 0)
        positive, negative = slice(m + 1, None), slice(m - 1, None, -1)
        count, width = 2 * m + 1, self.turning.shape[1]
        rows = block(count, 2 * (m + 1) * width)
        parts = np.zeros((len(noise), count + -count % rows, 2 * (m + 1)))
        parts[:, 0, : m + 1], parts[:, 0, m + 1 :] = real[:, m], imaginary[:, m]
        cosines, sines = parts[:, 1 : m + 1], parts[:, m + 1 : count]
        np.add(real[:, positive], real[:, negative], out=cosines[:, :, : m + 1])
        np.add(imaginary[:, positive], imaginary[:, negative], out=cosines[:, :, m + 1 :])
        np.subtract(imaginary[:, negative], imaginary[:, positive], out=sines[:, :, : m + 1])
        np.subtract(real[:, positive], real[:, negative], out=sines[:, :, m + 1 :])
        lines = parts.reshape(len(noise), -1, rows, 2 * (m + 1)) @ self.turning
        made = self.rising @ lines.reshape(len(noise), 1, -1, width)[:, :, :count]
        return made.reshape(len(noise), -1, width)[:, : self.points]


def block(rows: int, products: int) -> int:
    """The rows of a matrix to multiply at once, at `products` products for each. More would be worth several threads to
    OpenBLAS, which would wait for each other while DALI's threads use all cores."""
    return min(rows, max(1, ALONE // products))


@lru_cache(maxsize=8)
def waves_of(height: int, width: int, decay: float) -> Waves | None:
    """The tables of a size; None if all frequencies are needed."""
    amplitude = spectrum(height, width, decay)
    found = limit(amplitude, width)
    if found is None:
        return None
    m, stride = found
    h, w = grid_size(height, width, stride)
    down = 2 * np.pi * np.outer(np.arange(h) * stride, np.arange(m + 1)) / height
    across = 2 * np.pi * np.outer(np.arange(m + 1), np.arange(w) * stride) / width
    scale = amplitude[np.arange(-m, m + 1), : m + 1] * np.where(np.arange(m + 1) > 0, 2.0, 1.0)
    rising = np.concatenate([np.cos(down), np.sin(down[:, 1:])], axis=1)
    rows = block(h, (2 * m + 1) * w)
    return Waves(
        scale=scale / scale.sum() * 2**NOISE_BITS,
        rising=np.rint(np.pad(rising, ((0, -h % rows), (0, 0))) * 2**WAVE_BITS).reshape(-1, rows, 2 * m + 1),
        turning=np.rint(np.concatenate([np.cos(across), -np.sin(across)]) * 2**WAVE_BITS),
        stride=stride,
        points=h,
    )
