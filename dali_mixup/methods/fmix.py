"""FMix: two images joined along the contour lines of a random cloud."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import boolean, number
from dali_mixup.methods.base import Draws, Form, Method, two


@dataclass(frozen=True)
class FMix(Method):
    """The mask is 1 on the lam H W highest pixels of a random image whose amplitudes fall off as 1 / f^decay.

    Harris et al. 2020 (arXiv 2002.12047), as in the authors' code. The label weight is the mask's exact mean, which
    differs from the lam drawn by less than one pixel. A mask costs one real FFT and H (W / 2 + 1) pairs of normal
    draws, so granularity "batch" is much cheaper than "sample".

    Args:
        alpha: > 0; lam ~ Beta(alpha, alpha).
        decay: >= 0, how fast high frequencies fade: the larger, the smoother the contour.
        max_soft: in [0, 0.5], the share of pixels on either side of the contour over which the mask falls evenly from
            1 to 0; at most min(lam, 1 - lam).
        reformulate: lam ~ Beta(alpha + 1, alpha) instead, which keeps more of the row's own image.
        lam: in [0, 1]: this share every time, of the pixels and so of the label; alpha has no effect.

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

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        given = self.lam is not None
        lam = np.full(n, self.lam) if given else rng.beta(self.alpha + self.reformulate, self.alpha, n)
        up = rng.random_sample(n) > 0.5
        amplitude = spectrum(height, width, self.decay)
        masks = np.empty((n, height, width), dtype=np.float32)
        own = np.empty(n)
        for i in range(n):
            cloud = low_frequency_image(rng, amplitude, height, width)
            count = (math.ceil if up[i] else math.floor)(lam[i] * cloud.size)
            soft = int(cloud.size * min(self.max_soft, lam[i], 1.0 - lam[i]))
            masks[i] = highest(cloud, count, soft)
            own[i] = count / cloud.size
        return Draws(weights=two(own), masks=masks)


def spectrum(height: int, width: int, decay: float) -> np.ndarray:
    """(H, W // 2 + 1) float64 amplitudes max(f, 1 / max(H, W))^-decay, f the frequency in cycles a pixel."""
    f = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    return np.maximum(f, 1.0 / max(height, width)) ** -decay


def low_frequency_image(
    rng: np.random.RandomState, amplitude: np.ndarray, height: int, width: int
) -> np.ndarray:
    """(H, W) float64 random image with the given amplitudes and normally distributed phases."""
    noise = rng.standard_normal((2, *amplitude.shape))
    return np.fft.irfft2(amplitude * (noise[0] + 1j * noise[1]), (height, width))


def highest(cloud: np.ndarray, count: int, soft: int) -> np.ndarray:
    """(H, W) float32 mask of mean count / (H W): 1 on the highest pixels, 0 on the lowest, and from 1 to 0 in equal
    steps on the 2 * soft pixels between them."""
    mask = np.zeros(cloud.size, dtype=np.float32)
    order = _descending(cloud.ravel(), count, soft)
    mask[order[: count - soft]] = 1.0
    mask[order[count - soft : count + soft]] = np.linspace(1.0, 0.0, 2 * soft)
    return mask.reshape(cloud.shape)


def _descending(values: np.ndarray, count: int, soft: int) -> np.ndarray:
    """Indices with the `count` largest first; in full order only where a soft edge needs it, which is slower."""
    if soft:
        return np.argsort(-values)
    return np.argpartition(-values, count - 1) if count else np.arange(len(values))
