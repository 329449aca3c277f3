"""FMix: two images joined along the contour lines of a random cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import boolean, concentration, number
from dali_mixup.methods.base import Draws, Form, Method, two
from dali_mixup.methods.clouds import clouds
from dali_mixup.methods.contours import Contours, pixels, softened
from dali_mixup.methods.masks import Levels


@dataclass(frozen=True)
class FMix(Method):
    """The mask is 1 on the lam H W highest pixels of a random image whose amplitudes fall off as 1 / f^decay.

    Harris et al. 2020 (arXiv 2002.12047), by the paper's formula: the image is the inverse Fourier transform of complex
    Gaussian noise over f^decay. Rounding and soft edges are those of the authors' code; its images have frequencies of
    at most one period across the width. The label weight is the mask's exact mean, which differs from the lam drawn by
    less than one pixel. Frequencies too weak to move a contour by a tenth of a pixel are left out, and where it moves
    contours as little, the image is worked out at every second or fourth pixel only and bilinear between these.

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
        object.__setattr__(self, "alpha", concentration("FMix", "alpha", self.alpha))
        object.__setattr__(self, "decay", number("FMix", "decay", self.decay, at_least=0))
        object.__setattr__(
            self, "max_soft", number("FMix", "max_soft", self.max_soft, at_least=0, at_most=0.5)
        )
        object.__setattr__(self, "reformulate", boolean("FMix", "reformulate", self.reformulate))
        if self.lam is not None:
            object.__setattr__(self, "lam", number("FMix", "lam", self.lam, at_least=0, at_most=1))

    @property
    def uses_alpha(self) -> bool:
        return self.lam is None

    @property
    def hard(self) -> bool:
        return self.max_soft == 0

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        given = self.lam is not None
        lam = np.full(n, self.lam) if given else rng.beta(self.alpha + self.reformulate, self.alpha, n)
        up = rng.random_sample(n) > 0.5
        counts = np.where(up, np.ceil(lam * height * width), np.floor(lam * height * width)).astype(np.int64)
        stride, made = clouds(rng, n, height, width, self.decay)
        weights = two(counts / (height * width))
        if self.hard:
            masks = Contours(np.stack(list(made)), counts, stride, height, width)
            # Of every pixel's height, bits are the shorter form.
            return Draws(weights=weights, masks=masks if stride > 1 else masks.bits)
        numbers = np.empty((n, height, width), np.uint8)
        for i, grid in enumerate(made):
            count = int(counts[i])
            soft = int(height * width * min(self.max_soft, lam[i], 1.0 - lam[i]))
            soft = min(
                soft, count, height * width - count
            )  # each is rounded in its own way, so up to a pixel apart
            numbers[i] = softened(pixels(grid, stride, height, width), count, soft)
        return Draws(weights=weights, masks=Levels(numbers))
