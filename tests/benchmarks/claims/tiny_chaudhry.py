"""The claims of Chaudhry et al. with all their arms and next to no training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any


def _few(claim: Any) -> Any:
    training = replace(claim.training, train=20, epochs=6, batch_size=10, widths=(16, 16, 16))
    return replace(claim, training=training, pool=60, early=4, every=6)


def _linearity(claim: Any) -> Any:
    training = replace(claim.training, train=60, epochs=5, batch_size=30, widths=(16, 16, 16))
    return replace(claim, training=training)


TINY: dict[str, Callable[[Any], Any]] = {
    "linearity": _linearity,
    "consistency": lambda claim: replace(_few(claim), unlabelled_batch=10),
    "two_moons": lambda claim: replace(
        claim, unlabelled=100, test=100, widths=(8, 8, 8), steps=20, early=10, every=10
    ),
    "mixmatch": _few,
}
