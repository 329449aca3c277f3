"""The feature-noise model of Zou et al. 2023 and its two-layer network, trained by gradient descent in closed form.

A sample has three patches in R^d: its class's feature, which is a common one for most samples and a rare one for few; a
weak common feature of a random class; Gaussian noise. The network has m filters per class with square activation,

    F_k(x) = sum_r sum_p <w_kr, x_p>²,   loss = cross-entropy of softmax(F).

Mixup takes ALL pairs (i, j) of the training set, patch by patch. With H the inner products of filters and patches, a
pair's are l H_i + (1 - l) H_j, so F_k = l² S_i + (1 - l)² S_j + 2 l (1 - l) G_ij with G = H Hᵀ and S its diagonal: the
pairs are never built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

CLASSES = 2


@dataclass(frozen=True)
class FeatureNoise:
    """The model's numbers.

    Args:
        samples: size of the training set, half of each class.
        rare: number of samples with the rare feature of their class.
        dimensions: d.
        noise: expected squared norm of the noise patch; features have norm 1.
        weak: factor of the weak common feature.
        filters: m.
        scale: standard deviation of the first weights.
        lr: step size.
    """

    samples: int = 100
    rare: int = 8
    dimensions: int = 400
    noise: float = 12.0
    weak: float = 0.1
    filters: int = 5
    scale: float = 0.01
    lr: float = 0.05


class Data(NamedTuple):
    """patches (n, 3, d) and labels (n,)."""

    patches: np.ndarray
    labels: np.ndarray


class Weights(NamedTuple):
    """own and label (n, n) or scalars: of sample i in the pixels of pair (i, j) and in its label."""

    own: np.ndarray
    label: np.ndarray


def draw(model: FeatureNoise, rng: np.random.RandomState, samples: int, rare: int) -> Data:
    """A set in which the first `rare` samples have the rare feature. Coordinates 0, 1 are the common features of the
    two classes, 2, 3 the rare ones."""
    labels = np.arange(samples) % CLASSES
    patches = np.zeros((samples, 3, model.dimensions))
    own = np.where(np.arange(samples) < rare, CLASSES + labels, labels)
    patches[np.arange(samples), 0, own] = 1.0
    patches[np.arange(samples), 1, rng.randint(CLASSES, size=samples)] = model.weak
    patches[:, 2] = rng.normal(0.0, np.sqrt(model.noise / model.dimensions), (samples, model.dimensions))
    return Data(patches, labels)


def first_weights(model: FeatureNoise, rng: np.random.RandomState) -> np.ndarray:
    """(classes, m, d)."""
    return rng.normal(0.0, model.scale, (CLASSES, model.filters, model.dimensions))


def outputs(weights: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """F, (n, classes)."""
    h = np.einsum("kmd,npd->nkmp", weights, patches, optimize=True)
    return np.square(h).sum((2, 3))


def descend(model: FeatureNoise, weights: np.ndarray, data: Data, mix: Weights | None) -> np.ndarray:
    """The weights after one step of full-batch gradient descent; mix None: on the samples themselves (ERM)."""
    h = products(weights, data.patches)
    g = gradient_of_samples(h, data.labels) if mix is None else gradient_of_pairs(h, data.labels, mix)
    n, d = len(data.labels), model.dimensions
    shaped = g.reshape(CLASSES, n, model.filters, 3).transpose(0, 2, 1, 3).reshape(CLASSES, model.filters, -1)
    stepped: np.ndarray = weights - model.lr * (shaped @ data.patches.reshape(n * 3, d))
    return stepped


def products(weights: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """H, (classes, n, m * 3): <w_kr, x_p> of every class k and sample."""
    n, p, d = patches.shape
    h = weights.reshape(-1, d) @ patches.reshape(n * p, d).T
    return h.reshape(*weights.shape[:2], n, p).transpose(0, 2, 1, 3).reshape(len(weights), n, -1)


def gradient_of_samples(h: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of the mean cross-entropy of the samples by H."""
    residual = softmax(np.square(h).sum(2).T).T
    residual[labels, np.arange(len(labels))] -= 1.0
    return 2.0 / len(labels) * residual[:, :, None] * h


def gradient_of_pairs(h: np.ndarray, labels: np.ndarray, mix: Weights) -> np.ndarray:
    """Of the mean cross-entropy over all pairs by H. With D the residual of a pair and l its weight:

    dL/dH_i = 2/n² [sum_j (l² D_ij + (1 - l_ji)² D_ji) H_i + sum_j (B_ij + B_ji) H_j],   B = l (1 - l) D.
    """
    n = len(labels)
    own, other = mix.own, 1.0 - mix.own
    gram = h @ h.transpose(0, 2, 1)
    s = np.einsum("kii->ki", gram)
    f = own**2 * s[:, :, None] + other**2 * s[:, None, :] + 2.0 * own * other * gram
    hot = np.eye(CLASSES)[labels].T
    target = mix.label * hot[:, :, None] + (1.0 - mix.label) * hot[:, None, :]
    residual = softmax(f.transpose(1, 2, 0)).transpose(2, 0, 1) - target
    alone = (own**2 * residual).sum(2) + (other**2 * residual).sum(1)
    both = own * other * residual
    return 2.0 / n**2 * (alone[:, :, None] * h + (both + both.transpose(0, 2, 1)) @ h)


def softmax(f: np.ndarray) -> np.ndarray:
    """Along the last axis."""
    e = np.exp(f - f.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
