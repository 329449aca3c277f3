"""Resizing as a matrix: what a pixel of the smaller image takes from each pixel of the larger one."""

from __future__ import annotations

from typing import Any

HALF = 0.5 + 1e-9
"""Added before truncating: ties round up, also where another order of the sum made one a little smaller."""


def triangles(at: Any, before: int, after: Any, pixels: Any) -> Any:
    """The weights of the source `pixels` in the resized pixels `at`; arrays or tensors that broadcast, sums of 1 along
    the last axis.

    Bilinear with an antialiasing filter, as in Pillow's Image.resize: a triangle around the pixel's centre in the
    source, (at + 1/2) before / after, of radius max(before / after, 1).
    """
    ratio = before / after
    distance = abs(pixels + 0.5 - (at + 0.5) * ratio)
    weights = (1 - distance / ratio.clip(1.0)).clip(0.0)
    return weights / weights.sum(-1)[..., None]
