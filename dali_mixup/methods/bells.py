"""Bell-shaped masks: the product of a curve down and a curve across."""

from __future__ import annotations

import numpy as np

from dali_mixup.methods.masks import Separable


def bell(extent: int, centre: np.ndarray, sharpness: np.ndarray) -> np.ndarray:
    """(n, extent) float64: exp(-sharpness d^2), d the distance of a pixel from `centre`, in pixels."""
    d = np.arange(extent) - centre[:, None]
    return np.exp(-sharpness[:, None] * d * d)


def bells(
    cy: np.ndarray, cx: np.ndarray, sharpness: np.ndarray, inverted: np.ndarray, height: int, width: int
) -> tuple[Separable, np.ndarray]:
    """n masks of H x W pixels of round bells around (cy, cx), one minus that where `inverted`, and their exact means
    (n,) float64.

    exp(-s (dy^2 + dx^2)) is a product, so a mask takes H + W exponentials, and its mean is the product of two.
    """
    down, across = bell(height, cy, sharpness), bell(width, cx, sharpness)
    sign, offset = np.where(inverted, -1.0, 1.0), np.where(inverted, 1.0, 0.0)
    masks = Separable.of(u=offset[:, None], d=sign[:, None] * down, a=across, size=(len(cy), height, width))
    return masks, offset + sign * down.mean(1) * across.mean(1)
