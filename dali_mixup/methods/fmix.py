"""FMix: two images joined along the contour lines of a random cloud."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import boolean, number
from dali_mixup.methods.base import Draws, Form, Method, two

AT_ONCE = 16  # clouds that are made together: their arrays stay in a core's cache
MOVED = 0.1  # pixels that contours may move by


@dataclass(frozen=True)
class FMix(Method):
    """The mask is 1 on the lam H W highest pixels of a random image whose amplitudes fall off as 1 / f^decay.

    Harris et al. 2020 (arXiv 2002.12047), as in the authors' code. The label weight is the mask's exact mean, which
    differs from the lam drawn by less than one pixel. Frequencies too weak to move a contour by a tenth of a pixel are
    left out.

    Args:
        alpha: > 0; lam ~ Beta(alpha, alpha).
        decay: >= 0, how fast high frequencies fade: the larger, the smoother the contour.
        max_soft: in [0, 0.5], the share of pixels on either side of the contour over which the mask falls evenly from
            1 to 0; at most min(lam, 1 - lam).
        reformulate: lam ~ Beta(alpha + 1, alpha) instead, which keeps more of the row's own image.
        lam: in [0, 1]: a fixed share, of the pixels and so of the label; alpha has no effect.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    alpha: float = 1.0
    decay: float = 3.0
    max_soft: float = 0.0
    reformulate: bool = False
    lam: float | None = None

    name: ClassVar[str] = "fmix"
    form: ClassVar[Form] = Form.MASK

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", number("FMix", "alpha", self.alpha, above=0))
        object.__setattr__(self, "decay", number("FMix", "decay", self.decay, at_least=0))
        object.__setattr__(
            self, "max_soft", number("FMix", "max_soft", self.max_soft, at_least=0, at_most=0.5)
        )
        object.__setattr__(self, "reformulate", boolean("FMix", "reformulate", self.reformulate))
        if self.lam is not None:
            object.__setattr__(self, "lam", number("FMix", "lam", self.lam, at_least=0, at_most=1))

    @property
    def hard(self) -> bool:
        return self.max_soft == 0

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        given = self.lam is not None
        lam = np.full(n, self.lam) if given else rng.beta(self.alpha + self.reformulate, self.alpha, n)
        up = rng.random_sample(n) > 0.5
        counts = np.where(up, np.ceil(lam * height * width), np.floor(lam * height * width)).astype(np.int64)
        masks = np.empty((n, height, width), dtype=np.uint8 if self.hard else np.float32)
        for i, cloud in enumerate(clouds(rng, n, spectrum(height, width, self.decay), height, width)):
            soft = int(cloud.size * min(self.max_soft, lam[i], 1.0 - lam[i]))
            masks[i] = highest(cloud, int(counts[i]), soft)
        return Draws(weights=two(counts / (height * width)), masks=masks)


def spectrum(height: int, width: int, decay: float) -> np.ndarray:
    """(H, W // 2 + 1) float64 amplitudes max(f, 1 / max(H, W))^-decay, f the frequency in cycles per pixel."""
    f = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    return np.maximum(f, 1.0 / max(height, width)) ** -decay


def low_frequency_image(
    rng: np.random.RandomState, amplitude: np.ndarray, height: int, width: int
) -> np.ndarray:
    """(H, W) float64 random image with the given amplitudes and normally distributed phases."""
    noise = rng.standard_normal((2, *amplitude.shape))
    return np.fft.irfft2(amplitude * (noise[0] + 1j * noise[1]), (height, width))


def clouds(
    rng: np.random.RandomState, n: int, amplitude: np.ndarray, height: int, width: int
) -> Iterator[np.ndarray]:
    """n images as `low_frequency_image` draws them, (H, W) float, by the cheaper of two ways.

    Where the amplitudes fall off fast, frequencies above a limit move the contours by less than a tenth of a pixel.
    Then they are left out (`limit`), and two small matrix products per image replace the Fourier transform.
    """
    most = limit(amplitude, width)
    if most is None:
        for _ in range(n):
            yield low_frequency_image(rng, amplitude, height, width)
        return
    ky, kx = np.arange(-most, most + 1), np.arange(most + 1)
    # Columns but the first stand for two frequencies, kx and -kx, whose sum is twice a real part.
    scale = (amplitude[ky][:, kx] * np.where(kx > 0, 2.0, 1.0)).astype(np.float32)
    down = np.exp(2j * np.pi * np.outer(np.arange(height), ky) / height).astype(np.complex64)
    turns = 2 * np.pi * np.outer(kx, np.arange(width)) / width
    across = np.concatenate([np.cos(turns), -np.sin(turns)]).astype(np.float32)
    for first in range(0, n, AT_ONCE):
        m = min(AT_ONCE, n - first)
        noise = rng.standard_normal((m, 2, *scale.shape)).astype(np.float32)
        rows = down @ (scale * (noise[:, 0] + 1j * noise[:, 1]))
        yield from np.concatenate([rows.real, rows.imag], axis=2) @ across


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


def highest(cloud: np.ndarray, count: int, soft: int) -> np.ndarray:
    """(H, W) mask of mean count / (H W): 1 on the highest pixels, 0 on the lowest, and from 1 to 0 in equal steps on
    the 2 * soft pixels between them. Bool without such pixels, else float32."""
    values = cloud.ravel()
    if soft:
        order = np.argsort(-values)
        mask = np.zeros(values.size, dtype=np.float32)
        mask[order[: count - soft]] = 1.0
        mask[order[count - soft : count + soft]] = np.linspace(1.0, 0.0, 2 * soft)
        return mask.reshape(cloud.shape)
    return _above(values, count).reshape(cloud.shape)


def _above(values: np.ndarray, count: int) -> np.ndarray:
    """(N,) bool, True at the `count` highest values. Finding their least by sorting some values, and then by counting a
    few times, takes a fraction of the time of partitioning all."""
    if count in (0, values.size):
        return np.full(values.size, count > 0)
    some = np.sort(values[:: max(1, values.size // 800)])[::-1]
    near = count * len(some) // values.size
    # More than `count` values exceed `low`, fewer exceed `high`; unless the sample misleads, and then nothing is found.
    high, low = some[max(near - 12, 0)], some[min(near + 12, len(some) - 1)]
    above = {bound: np.count_nonzero(values > bound) for bound in (low, high)}
    for step in range(24):
        if not above[high] < count < above[low]:
            break
        share = (above[low] - count) / (above[low] - above[high]) if step % 4 < 3 else 0.5
        level = values.dtype.type(low + share * (high - low))
        mask = values > level
        found = np.count_nonzero(mask)
        if found == count:
            return mask
        if level in (low, high):
            break
        low, high = (level, high) if found > count else (low, level)
        above[level] = found
    mask = np.zeros(values.size, dtype=bool)
    mask[np.argpartition(-values, count - 1)[:count]] = True
    return mask
