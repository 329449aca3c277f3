"""Rectangles of the CutMix family, in whole pixels, and the share of the image they cover."""

from __future__ import annotations

import numpy as np


def centre_clipped(rng: np.random.RandomState, lam: np.ndarray, height: int, width: int) -> np.ndarray:
    """Boxes (n, 4) y0, x0, y1, x1 of side sqrt(1 - lam) around a uniform centre, clipped at the border.

    CutMix (Yun et al. 2019) section 3.1, in timm 1.0.31's integer form: h = floor(sqrt(1 - lam) * H), the centre
    uniform over the pixels, the box [c - floor(h / 2), c + floor((h + 1) / 2)), so odd sides keep their pixel. Lines of
    pixels have boxes of 1 - lam of their length.
    """
    cut_h, cut_w = sides_of_share(1.0 - lam, height, width)
    cy = below(rng, np.full(lam.shape, height))
    cx = below(rng, np.full(lam.shape, width))
    return clipped(cy, cx, cut_h, cut_w, height, width)


def evenly_clipped(rng: np.random.RandomState, lam: np.ndarray, height: int, width: int) -> np.ndarray:
    """As `centre_clipped`, but every pixel is equally likely to be in the box (Composer's `uniform_sampling`): the
    centre may lie outside the image, uniform on [-ceil(h / 2), H + floor(h / 2))."""
    cut_h, cut_w = sides_of_share(1.0 - lam, height, width)
    # Across a line of pixels there is only one place.
    cy = below(rng, height + cut_h) - (cut_h + 1) // 2 if height > 1 else np.zeros_like(cut_h)
    cx = below(rng, width + cut_w) - (cut_w + 1) // 2 if width > 1 else np.zeros_like(cut_w)
    return clipped(cy, cx, cut_h, cut_w, height, width)


def sides_of_share(share: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) int heights and widths of boxes that have about that share of the pixels, each side of the same share."""
    if height > 1 and width > 1:
        return sides(np.sqrt(share), height, width)
    length = np.floor(share * max(height, width)).astype(np.int64)
    return (length, np.ones_like(length)) if width == 1 else (np.ones_like(length), length)


def sides(ratio: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) int heights and widths: floor(ratio * extent)."""
    return np.floor(ratio * height).astype(np.int64), np.floor(ratio * width).astype(np.int64)


def clipped(
    cy: np.ndarray, cx: np.ndarray, cut_h: np.ndarray, cut_w: np.ndarray, height: int, width: int
) -> np.ndarray:
    """Boxes (n, 4) of cut_h x cut_w pixels around (cy, cx), clipped at the border."""
    y0, y1 = cy - cut_h // 2, cy + (cut_h + 1) // 2
    x0, x1 = cx - cut_w // 2, cx + (cut_w + 1) // 2
    return np.stack([y0.clip(0, height), x0.clip(0, width), y1.clip(0, height), x1.clip(0, width)], axis=1)


def minmax(
    rng: np.random.RandomState, n: int, height: int, width: int, low: float, high: float
) -> np.ndarray:
    """Boxes (n, 4) with sides drawn separately: h uniform on [floor(low H), floor(high H)), w likewise, every
    position inside the image equally likely (timm 1.0.31 `rand_bbox_minmax`)."""
    sides = []
    for extent in (height, width):
        first, end = int(extent * low), int(extent * high)
        # If an extent is so small that no integer lies in the range, one size remains.
        side = first + below(rng, np.full(n, max(end - first, 1)))
        sides.append(side if extent > 1 else np.ones_like(side))  # across a line of pixels
    y0 = below(rng, height - sides[0] + 1)
    x0 = below(rng, width - sides[1] + 1)
    return np.stack([y0, x0, y0 + sides[0], x0 + sides[1]], axis=1)


def area_share(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """(n,) float64: the exact share of height x width pixels inside each box."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / float(height * width)


def same_place(boxes: np.ndarray) -> np.ndarray:
    """(n, 1, 7) regions that copy each box from column 1 to the same place."""
    y0, x0, y1, x1 = boxes.T
    return np.stack([np.ones_like(y0), y0, x0, y0, x0, y1 - y0, x1 - x0], axis=1)[:, None, :]


def whole(boxes: np.ndarray, column: int = 1) -> np.ndarray:
    """(n, 1, 5) insets that show a column's whole image in each box."""
    y0, x0, y1, x1 = boxes.T
    return np.stack([np.full_like(y0, column), y0, x0, y1 - y0, x1 - x0], axis=1)[:, None, :]


def below(rng: np.random.RandomState, high: np.ndarray) -> np.ndarray:
    """Uniform integers in [0, high) for an array of positive bounds, from one double each."""
    return np.minimum((rng.random_sample(high.shape) * high).astype(np.int64), high - 1)


def shifted_inside(
    cy: np.ndarray, cx: np.ndarray, cut_h: np.ndarray, cut_w: np.ndarray, height: int, width: int
) -> np.ndarray:
    """Boxes (n, 4) of exactly cut_h x cut_w pixels, around (cy, cx) or as near to it as the border allows."""
    y0 = (cy - cut_h // 2).clip(0, height - cut_h)
    x0 = (cx - cut_w // 2).clip(0, width - cut_w)
    return np.stack([y0, x0, y0 + cut_h, x0 + cut_w], axis=1)
