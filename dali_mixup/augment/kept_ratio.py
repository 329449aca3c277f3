"""timm's crops of an image that keeps its ratio: resized until it covers the window, with a chance of 1/2 each a little
larger and of another ratio; then the centre ("rkrc") or a random place ("rkrr"). What the window covers outside the
image is reflected. NumPy only; `kept_ratio_graph` has the same in the graph."""

from __future__ import annotations

import math

import numpy as np

CHANCE = 0.5
CHANCES = 6
"""Numbers in [0, 1) that decide on an image: whether it is larger, whether of another ratio, how much both; y, x."""


def kept_ratio(
    chances: np.ndarray,
    sizes: np.ndarray,
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> np.ndarray:
    """(N, 2) int64, height and width of each image resized: timm's ResizeKeepRatio.

    Args:
        chances: (N, CHANCES) uniform.
        sizes: (N, 2) height and width of each image.
        size: (h, w) of the window.
        scale: the window's share of the area of an image that is made larger; uniform.
        ratio: factor by which width / height changes; log-uniform.
    """
    scaled, changed = (chances[:, :2] < CHANCE).T
    share = scale[0] + (scale[1] - scale[0]) * chances[:, 2]
    low, high = math.log(ratio[0]), math.log(ratio[1])
    larger = np.where(scaled, 1 / np.sqrt(share), 1.0)
    wider = np.where(changed, np.exp((low + (high - low) * chances[:, 3]) / 2), 1.0)
    factors = np.stack([larger / wider, larger * wider], axis=1)
    covering = (sizes / np.array(size)).min(axis=1, keepdims=True)
    return np.maximum(np.rint(sizes * factors / covering), 1).astype(np.int64)


def centred(resized: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, 2) int64 y and x of the centre, negative where the image is smaller: timm's CenterCropOrPad."""
    room = resized - np.array(size)
    return np.where(room < 0, -(-room // 2), np.rint(room / 2)).astype(np.int64)


def placed(chances: np.ndarray, resized: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, 2) int64 y and x of a random window that covers the image or lies in it, in both directions: timm's
    RandomCropOrPad. `chances` as of `kept_ratio`."""
    room = resized - np.array(size)
    return (np.sign(room) * np.floor(chances[:, 4:] * (np.abs(room) + 1))).astype(np.int64)


def reflected(places: np.ndarray, extent: int) -> np.ndarray:
    """The places of a line of `extent` pixels, those outside reflected at the first and last pixel, which are not
    repeated; at most once."""
    inside = np.abs(places)
    inside = np.where(inside >= extent, 2 * (extent - 1) - inside, inside)
    return np.clip(inside, 0, extent - 1)
