"""Colour jitter and lighting noise: random colours, one decision per image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dali_mixup.augment.operations import Actions, Kernel, kernels_of

# Eigenvalues and eigenvectors of the covariance of ImageNet's pixels in 0..1, as in fb.resnet.torch (the columns are
# the vectors). Krizhevsky et al. 2012, section 4.1.
PCA_VALUES = np.array([0.2175, 0.0188, 0.0045])
PCA_VECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])


@dataclass(frozen=True)
class ColourJitter:
    """torchvision's ColorJitter: brightness, contrast, saturation and hue, each by a random amount, in random order.

    Attributes:
        amounts: of brightness, contrast, saturation (>= 0: factor uniform in [max(0, 1 - x), 1 + x]) and hue (in
            [0, 0.5]: turns uniform in [-x, x]). A component of 0 is left out.
        prob: in [0, 1], the probability that an image is jittered at all.
    """

    amounts: tuple[float, float, float, float]
    prob: float = 1.0

    @property
    def operations(self) -> tuple[tuple[str, float, float], ...]:
        """(operation, lowest value, highest value) of the components."""
        *factors, hue = self.amounts
        names = ("Brightness", "Contrast", "Color")
        used = [(n, max(0.0, 1 - x), 1 + x) for n, x in zip(names, factors, strict=True) if x]
        return (*used, ("Hue", -hue, hue)) if hue else tuple(used)

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        used = self.operations if self.prob else ()
        return (kernels_of(name for name, _, _ in used),) * len(used)

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        used = self.operations
        order = rng.random_sample((rows, len(used))).argsort(axis=1)
        jittered = rng.random_sample(rows) < self.prob
        layers = [Actions.none(rows) for _ in used]
        for i, (name, low, high) in enumerate(used):
            values = rng.uniform(low, high, rows)
            for actions, turn in zip(layers, order.T, strict=True):
                actions.put(jittered & (turn == i), name, values, height, width)
        return layers


@dataclass(frozen=True)
class Lighting:
    """AlexNet's PCA noise: 255 * sum_k a_k l_k p_k is added to every pixel of an image, a_k ~ N(0, std^2), l_k and p_k
    the eigenvalues and eigenvectors above (Krizhevsky et al. 2012, section 4.1). The result is cut to 0..255.

    Attributes:
        std: >= 0; 0.1 in the papers.
    """

    std: float

    @property
    def layers(self) -> tuple[frozenset[Kernel], ...]:
        return (frozenset({Kernel.COLOUR}),) if self.std else ()

    def draw(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> list[Actions]:
        actions = Actions.none(rows)
        actions.kernel[:] = Kernel.COLOUR
        actions.colour[:, :, 3] = 255 * (rng.normal(0, self.std, (rows, 3)) * PCA_VALUES) @ PCA_VECTORS.T
        return [actions]
