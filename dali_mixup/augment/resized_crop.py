"""torchvision's RandomResizedCrop: of 10 windows of random area and aspect ratio the first that fits into the image, at
a random place; if none does, the largest centred one of a valid ratio. NumPy only; `resized_crop_graph` has the same in
the graph."""

from __future__ import annotations

import numpy as np

ATTEMPTS = 10
CHANCES = 2 * ATTEMPTS + 2
"""Numbers in [0, 1) that decide on an image: the area of each attempt, the ratio of each; y, x."""


def bounds(scale: tuple[float, float], ratio: tuple[float, float]) -> np.ndarray:
    """(6,) float64: the lowest share of the area and the width of its range, the same of log(width / height), and the
    lowest and highest width / height.

    torchvision draws in float32, so the first four are numbers of float32: a range of one value, such as 0.09, has its
    rounding, by which half a pixel goes up or down.
    """
    shares, logs = np.array(scale, np.float32), np.log(np.array(ratio, np.float32))
    return np.array([shares[0], shares[1] - shares[0], logs[0], logs[1] - logs[0], *ratio])


def resized_crop(
    chances: np.ndarray, sizes: np.ndarray, scale: tuple[float, float], ratio: tuple[float, float]
) -> np.ndarray:
    """(N, 4) int64 y, x, height and width of each window.

    Args:
        chances: (N, CHANCES) uniform.
        sizes: (N, 2) height and width of each image.
        scale: bounds of the share of the area; uniform.
        ratio: bounds of width / height; log-uniform.
    """
    least, width, log_least, log_width, narrowest, widest = bounds(scale, ratio)
    area = (chances[:, :ATTEMPTS] * width + least) * sizes.prod(axis=1, keepdims=True)
    aspect = np.exp(chances[:, ATTEMPTS:-2] * log_width + log_least).astype(np.float32)
    tried = np.rint(np.sqrt(np.stack([area / aspect, area * aspect], axis=2)))
    fits = ((tried >= 1) & (tried <= sizes[:, None])).all(axis=2)
    some = fits.any(axis=1, keepdims=True)
    # A side that is not the limit comes out too long, and is cut.
    largest = np.clip(np.rint(sizes[:, ::-1] / [narrowest, 1.0] * [1.0, widest]), 1, sizes)
    shape = np.where(some, tried[np.arange(len(sizes)), fits.argmax(axis=1)], largest).astype(np.int64)
    room = sizes - shape
    start = np.where(some, np.floor(chances[:, -2:] * (room + 1)), room // 2).astype(np.int64)
    return np.concatenate([start, shape], axis=1)
