"""Weights that grow during training, for losses that need a reliable teacher. Plain numbers, no tensors."""

from __future__ import annotations

import math

from dali_mixup._checks import number


def sigmoid_ramp(position: float, length: float) -> float:
    """exp(-5 (1 - t)²) with t = position / length clipped to [0, 1] (Laine & Aila, arXiv 1610.02242): from
    0.0067 at 0 to 1 at `length` and after it. `position` and `length` in steps or epochs; length 0 is always 1.
    """
    return math.exp(-5.0 * (1.0 - _progress("sigmoid_ramp", position, length)) ** 2)


def linear_ramp(position: float, length: float) -> float:
    """position / length clipped to [0, 1], as in the published MixMatch code; length 0 is always 1."""
    return _progress("linear_ramp", position, length)


def _progress(owner: str, position: float, length: float) -> float:
    number(owner, "position", position)
    number(owner, "length", length, at_least=0.0)
    return 1.0 if length == 0 else min(max(position / length, 0.0), 1.0)
