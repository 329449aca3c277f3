"""Four images around one point, each with a crop of its own: the geometry of RICAP and Mosaic."""

from __future__ import annotations

import numpy as np


def quadrants(
    y: np.ndarray, x: np.ndarray, from_y: np.ndarray, from_x: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n, 4, 7) regions and (n, 4) float64 weights, their exact shares of the image.

    Column 0 is upper left, 1 upper right, 2 lower left, 3 lower right of the point (y, x).

    Args:
        y, x: (n,) int, in [0, height] and [0, width].
        from_y, from_x: (n, 4) int, upper left corners of the crops in their images.
    """
    zero = np.zeros_like(y)
    to_y, to_x = np.stack([zero, zero, y, y], axis=1), np.stack([zero, x, zero, x], axis=1)
    h, w = extents(y, x, height, width)
    column = np.broadcast_to(np.arange(4), h.shape)
    return np.stack([column, from_y, from_x, to_y, to_x, h, w], axis=2), h * w / float(height * width)


def extents(y: np.ndarray, x: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, 4) heights and widths of the quadrants around (y, x)."""
    below, right = height - y, width - x
    return np.stack([y, y, below, below], axis=1), np.stack([x, right, x, right], axis=1)
