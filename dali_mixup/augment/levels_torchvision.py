"""torchvision's scales: the strengths of an operation as a table of bins. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scale:
    """One operation's strengths.

    Attributes:
        operation: a name of `operations.OPERATIONS`.
        bins: the strengths to choose from; None for an operation without one.
        signed: whether the strength is negated half of the time.
        around: added after that; 1 where the value is a factor whose neutral value is 1.
        whole: whether the value is truncated to a whole number.
    """

    operation: str
    bins: np.ndarray | None = None
    signed: bool = False
    around: float = 0.0
    whole: bool = False


def values(scale: Scale, bins: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """(N,) values for the bin numbers and signs that N images drew."""
    if scale.bins is None:
        return np.zeros(len(bins))
    chosen = scale.bins[bins]
    if scale.signed:
        chosen = np.where(negative, -chosen, chosen)
    return scale.around + (np.trunc(chosen) if scale.whole else chosen)
