"""MixUp: a convex combination of whole images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import boolean, concentration, integer, number
from dali_mixup.methods.base import MOST_IMAGES, Draws, Form, Method, two
from dali_mixup.methods.intervals import interval
from dali_mixup.methods.label_maps import LabelMap, checked, majority, mapped

FARTHEST = 10.0  # up to which two weights in float32 sum to 1 within 1e-6


@dataclass(frozen=True)
class MixUp(Method):
    """x~ = lam x_i + (1 - lam) x_j, y~ = lam y_i + (1 - lam) y_j, lam ~ Beta(alpha, alpha) or Beta(alpha, beta).

    Zhang et al. 2018 (arXiv 1710.09412), equation 1. The paper uses alpha in [0.1, 0.4] on ImageNet, 1 on CIFAR-10;
    DeiT and its heirs 0.8. It also tries k images with Dirichlet weights (`k`) and mixing of the inputs only
    (`label_map="majority"`).

    With `extrapolate` = e, pixels are mixed by w = lam + e (2 lam - 1) in [-e, 1 + e], so also beyond the two images on
    the line through them. A label is then mixed by w clipped to [0, 1]: as in mixup between the images, and beyond one
    of them its label alone. Labels mixed by lam itself would give an image that is exactly x_i, at w = 1, a part of
    y_j. That law is this library's; DeVries and Taylor 2017 (arXiv 1702.05538) extrapolate features within a class.

    Args:
        alpha: > 0, or (low, high): then uniform between them, drawn once per call of `draw`, that is, once per batch.
        k: 2 to 1024 images per row, weights ~ Dirichlet(alpha, ..., alpha).
        folded: the row's own image gets the largest weight: lam becomes max(lam, 1 - lam) (MixMatch, arXiv
            1905.02249).
        lam: in [0, 1], k = 2 only: a fixed weight; alpha has no effect.
        beta: > 0, k = 2 only: the second parameter of the beta law; None: alpha. Balanced-MixUp (arXiv 2109.09850)
            gives the partner a weight ~ Beta(a, 1): MixUp(1.0, beta=a).
        label_map: the map from pixel weights to label weights, see `label_maps`; with k > 2 only "identity" and
            "majority".
        extrapolate: e in [0, 10], k = 2 only: the largest weight is 1 + e, the smallest -e. Pixels may leave their
            range; the output saturates only where it is uint8.
        extrapolate_labels: labels have the pixels' weights, which sum to 1 but may be negative. A cross-entropy with
            such targets has no lower bound.

    Raises:
        TypeError, ValueError: anything outside the above, including a label_map that leaves [0, 1], and extrapolation
            with a label_map other than "identity" and "majority".
    """

    alpha: float | tuple[float, float] = 0.2
    k: int = 2
    folded: bool = False
    lam: float | None = None
    label_map: LabelMap = "identity"
    beta: float | None = None
    extrapolate: float = 0.0
    extrapolate_labels: bool = False

    name: ClassVar[str] = "mixup"
    form: ClassVar[Form] = Form.BLEND

    def __post_init__(self) -> None:
        if isinstance(self.alpha, (tuple, list)):
            object.__setattr__(self, "alpha", interval("MixUp", "alpha", self.alpha, above=0))
        else:
            object.__setattr__(self, "alpha", concentration("MixUp", "alpha", self.alpha))
        object.__setattr__(self, "k", integer("MixUp", "k", self.k, at_least=2, at_most=MOST_IMAGES))
        object.__setattr__(self, "folded", boolean("MixUp", "folded", self.folded))
        if self.lam is not None:
            object.__setattr__(self, "lam", number("MixUp", "lam", self.lam, at_least=0, at_most=1))
        object.__setattr__(self, "label_map", checked("MixUp", self.label_map))
        if self.beta is not None:
            object.__setattr__(self, "beta", concentration("MixUp", "beta", self.beta))
        extrapolate = number("MixUp", "extrapolate", self.extrapolate, at_least=0, at_most=FARTHEST)
        object.__setattr__(self, "extrapolate", extrapolate)
        labels_too = boolean("MixUp", "extrapolate_labels", self.extrapolate_labels)
        object.__setattr__(self, "extrapolate_labels", labels_too)
        for_two = self.lam is not None or self.beta is not None or extrapolate or self._is_mapped
        if self.k > 2 and for_two:
            raise ValueError(
                f"MixUp: k={self.k} with lam={self.lam!r}, beta={self.beta!r}, extrapolate={extrapolate:g}, "
                f"label_map={self.label_map!r}; these are for two images, expected lam=None, beta=None, extrapolate=0 "
                "and label_map='identity' or 'majority'"
            )
        self._refuse_other_labels()

    def _refuse_other_labels(self) -> None:
        """Raise ValueError for labels that have no meaning beside `extrapolate`."""
        if self.extrapolate and self._is_mapped:
            raise ValueError(
                f"MixUp: extrapolate={self.extrapolate:g} with label_map={self.label_map!r}, a map of weights in "
                "[0, 1]; expected label_map='identity' or 'majority'"
            )
        if self.extrapolate_labels and not (self.extrapolate and self.label_map == "identity"):
            raise ValueError(
                f"MixUp: extrapolate_labels=True with extrapolate={self.extrapolate:g} and "
                f"label_map={self.label_map!r}; expected extrapolate > 0, whose weights the labels then have, and "
                "label_map='identity'"
            )

    @property
    def uses_alpha(self) -> bool:
        return self.lam is None

    @property
    def _is_mapped(self) -> bool:
        """Whether the label map is for lam in [0, 1] alone."""
        return self.label_map not in ("identity", "majority")

    @property
    def columns(self) -> int:
        return self.k

    @property
    def extrapolates(self) -> frozenset[str]:
        if not self.extrapolate:
            return frozenset()
        return frozenset({"pixel_weights", "weights"} if self.extrapolate_labels else {"pixel_weights"})

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        pixels = self._pixel_weights(rng, n)
        if self.label_map == "identity":
            if self.extrapolate and not self.extrapolate_labels:
                return Draws(weights=pixels.clip(0.0, 1.0), pixel_weights=pixels)
            return Draws(weights=pixels)
        if self.label_map == "majority":
            return Draws(weights=majority(pixels), pixel_weights=pixels)
        return Draws(weights=two(mapped("MixUp", self.label_map, rng, pixels[:, 0])), pixel_weights=pixels)

    def _pixel_weights(self, rng: np.random.RandomState, n: int) -> np.ndarray:
        if self.lam is not None:
            weights = two(np.full(n, self.lam))
        else:
            alpha = rng.uniform(*self.alpha) if isinstance(self.alpha, tuple) else self.alpha
            weights = (
                dirichlet(rng, alpha, n, self.k) if self.beta is None else two(rng.beta(alpha, self.beta, n))
            )
        weights = own_largest(weights) if self.folded else weights
        return weights + self.extrapolate * (2.0 * weights - 1.0) if self.extrapolate else weights


def dirichlet(rng: np.random.RandomState, alpha: float, n: int, k: int) -> np.ndarray:
    """(n, k) float64 rows ~ Dirichlet(alpha, ..., alpha), summing to 1.

    By stick-breaking, b_j ~ Beta(alpha, alpha (k - 1 - j)), w_j = b_j prod_{l<j} (1 - b_l): k = 2 is one Beta draw, and
    small alphas do not underflow as normalised Gamma draws do.
    """
    weights = np.empty((n, k))
    rest = np.ones(n)
    for j in range(k - 1):
        part = rng.beta(alpha, alpha * (k - 1 - j), n)
        weights[:, j] = rest * part
        rest = rest * (1.0 - part)
    weights[:, -1] = rest
    return weights


def own_largest(weights: np.ndarray) -> np.ndarray:
    """The same rows with the largest weight swapped into column 0."""
    folded = weights.copy()
    rows, largest = np.arange(len(weights)), weights.argmax(axis=1)
    folded[rows, largest] = weights[:, 0]
    folded[:, 0] = weights[rows, largest]
    return folded
