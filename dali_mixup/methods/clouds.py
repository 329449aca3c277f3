"""Random images whose amplitudes fall off with the frequency: FMix's clouds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

AT_ONCE = 8  # clouds that are made together: their arrays stay in a core's cache
MOVED = 0.1  # pixels that contours may move by
ALONE = 2**18  # products of a matrix multiplication up to which OpenBLAS uses one thread
FLOAT32_ERROR = 4e-7
"""Of a cloud summed up in float32, in units of its root mean square and of the square root of the number of terms; the
largest of 220 clouds, of 96 x 130, 224 x 224 and 600 x 500 pixels, was 2.7e-7."""


@dataclass(frozen=True)
class Cloud:
    """A random image.

    Attributes:
        values: (H, W), float32 or float64.
        error: bound of the rounding errors in `values`; 0 in float64.
        exact: from the pair of rows and columns (p,) of pixels to their values (p,) float64.
    """

    values: np.ndarray
    error: float
    exact: Callable[[tuple[np.ndarray, ...]], np.ndarray]


def spectrum(height: int, width: int, decay: float) -> np.ndarray:
    """(H, W // 2 + 1) float64 amplitudes max(f, 1 / max(H, W))^-decay, f the frequency in cycles per pixel."""
    f = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    return np.maximum(f, 1.0 / max(height, width)) ** -decay


def limit(amplitude: np.ndarray, width: int) -> int | None:
    """The highest frequency needed, in periods per image, down and across; None if leaving some out does not pay.

    A contour lies where the cloud has some value, so an error e moves it by about e / |gradient|, here with both taken
    as their root mean squares over the image.
    """
    height = amplitude.shape[0]
    y, x = np.abs(np.fft.fftfreq(height, 1 / height))[:, None], np.arange(amplitude.shape[1])[None, :]
    power = amplitude**2 * np.where(x > 0, 2.0, 1.0)
    gradient = np.sqrt((power * ((2 * np.pi * y / height) ** 2 + (2 * np.pi * x / width) ** 2)).sum())
    for most in range(1, min(height, width) // 6):
        error = np.sqrt(power[np.maximum(y, x) > most].sum())
        if error <= MOVED * gradient:
            return most
    return None


def low_frequency_image(
    rng: np.random.RandomState, amplitude: np.ndarray, height: int, width: int
) -> np.ndarray:
    """(H, W) float64 random image with the given amplitudes and normally distributed phases."""
    noise = rng.standard_normal((2, *amplitude.shape))
    return np.fft.irfft2(amplitude * (noise[0] + 1j * noise[1]), (height, width))


def clouds(rng: np.random.RandomState, n: int, height: int, width: int, decay: float) -> Iterator[Cloud]:
    """n independent clouds of H x W pixels, by the cheaper of two ways. Each is overwritten when the next is asked for.

    Where the amplitudes fall off fast, frequencies above a limit move the contours by less than a tenth of a pixel.
    Then they are left out (`limit`), and small matrix products replace the Fourier transform.
    """
    waves = _waves(height, width, decay)
    if waves is None:
        amplitude = spectrum(height, width, decay)
        for _ in range(n):
            values = low_frequency_image(rng, amplitude, height, width)
            yield Cloud(values, 0.0, values.__getitem__)
        return
    noise = rng.standard_normal((n, 2, *waves.scale.shape))
    # Memory that is new for every chunk would cost as much in page faults as the products.
    blocks, rows, _ = waves.rising.shape
    room = np.empty((min(n, AT_ONCE), blocks, rows, width), np.float32)
    for first in range(0, n, AT_ONCE):
        chunk = noise[first : first + AT_ONCE]
        for values, own in zip(waves.images(chunk, room[: len(chunk)]), chunk, strict=True):
            yield Cloud(values, waves.error, partial(waves.at, own))


@dataclass(frozen=True)
class Waves:
    """Tables for images that are sums of waves with at most m periods down and across.

    Attributes:
        scale: (2 m + 1, m + 1) amplitudes, by the periods -m..m down and 0..m across; columns but the first stand for
            two frequencies, kx and -kx, whose sum is twice a real part.
        down: (H, 2 m + 1), exp(2 pi i ky y / H).
        across: (m + 1, W), exp(2 pi i kx x / W).
        rising: (blocks, rows, 2 m + 1) float32, cos(2 pi ky y / H) for ky of 0..m, then sin(2 pi ky y / H) for ky of
            1..m; in blocks of rows (see `block`), with zeros after the last row.
        turning: (2 (m + 1), W) float32, the real parts of `across` and the negated imaginary ones.
        error: bound of the rounding errors in the images.
    """

    scale: np.ndarray
    down: np.ndarray
    across: np.ndarray
    rising: np.ndarray
    turning: np.ndarray
    error: float

    def images(self, noise: np.ndarray, room: np.ndarray) -> np.ndarray:
        """(n, H, W) float32, images whose amplitudes are `scale` times noise[:, 0] + i noise[:, 1].

        The waves of ky and -ky are joined to cosines and sines down, so that the large product is one of real numbers.

        Args:
            noise: (n, 2, 2 m + 1, m + 1).
            room: (n, blocks, rows, W) float32, the memory of the images.
        """
        m = noise.shape[3] - 1
        real, imaginary = np.moveaxis((self.scale * noise).astype(np.float32), 1, 0)
        positive, negative = slice(m + 1, None), slice(m - 1, None, -1)
        count, width = 2 * m + 1, self.turning.shape[1]
        rows = block(count, 2 * (m + 1) * width)
        parts = np.zeros((len(noise), count + -count % rows, 2 * (m + 1)), np.float32)
        parts[:, 0, : m + 1], parts[:, 0, m + 1 :] = real[:, m], imaginary[:, m]
        cosines, sines = parts[:, 1 : m + 1], parts[:, m + 1 : count]
        np.add(real[:, positive], real[:, negative], out=cosines[:, :, : m + 1])
        np.add(imaginary[:, positive], imaginary[:, negative], out=cosines[:, :, m + 1 :])
        np.subtract(imaginary[:, negative], imaginary[:, positive], out=sines[:, :, : m + 1])
        np.subtract(real[:, positive], real[:, negative], out=sines[:, :, m + 1 :])
        lines = parts.reshape(len(noise), -1, rows, 2 * (m + 1)) @ self.turning
        made = np.matmul(self.rising, lines.reshape(len(noise), 1, -1, width)[:, :, :count], out=room)
        return made.reshape(len(noise), -1, width)[:, : len(self.down)]

    def at(self, noise: np.ndarray, pixels: tuple[np.ndarray, ...]) -> np.ndarray:
        """(p,) float64, the pixels (rows, columns) of the image of noise (2, 2 m + 1, m + 1)."""
        y, x = pixels
        coefficients = self.scale * (noise[0] + 1j * noise[1])
        return ((self.down[y] @ coefficients) * self.across[:, x].T).sum(1).real


def block(rows: int, products: int) -> int:
    """The rows of a matrix to multiply at once, at `products` products for each. More would be worth several threads to
    OpenBLAS, which would wait for each other while DALI's threads use all cores."""
    return min(rows, max(1, ALONE // products))


@lru_cache(maxsize=8)
def _waves(height: int, width: int, decay: float) -> Waves | None:
    """The tables of a size; None if all frequencies are needed."""
    amplitude = spectrum(height, width, decay)
    m = limit(amplitude, width)
    if m is None:
        return None
    ky, kx = np.arange(-m, m + 1), np.arange(m + 1)
    down = np.exp(2j * np.pi * np.outer(np.arange(height), ky) / height)
    across = np.exp(2j * np.pi * np.outer(kx, np.arange(width)) / width)
    scale = amplitude[ky][:, kx] * np.where(kx > 0, 2.0, 1.0)
    rising = np.concatenate([down[:, m:].real, down[:, m + 1 :].imag], axis=1).astype(np.float32)
    rows = block(height, (2 * m + 1) * width)
    return Waves(
        scale=scale,
        down=down,
        across=across,
        rising=np.pad(rising, ((0, -height % rows), (0, 0))).reshape(-1, rows, 2 * m + 1),
        turning=np.concatenate([across.real, -across.imag]).astype(np.float32),
        error=float(FLOAT32_ERROR * np.sqrt(4 * m + 3) * np.sqrt((scale**2).sum())),
    )
