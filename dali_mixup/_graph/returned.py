"""The form in which `fn.mix` and `dynamic.mix` return a batch: what they cannot make is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from dali_mixup._checks import choice, instance
from dali_mixup._decide.combinations import refuse_compact
from dali_mixup._graph.options import Output

DTYPES = ("float32", "float16", "uint8")

MOST_MEANS_OF_UINT8 = 8
"""With more, `crop_mirror_normalize` of DALI 2.4 writes beyond its memory (on the CPU) if it makes uint8."""


def check_output(owner: str, output: Any) -> None:
    """Raise TypeError or ValueError for an `output` that is not one, that the operators cannot make, or that describes
    how images are decoded."""
    instance(owner, "output", output, Output)
    if output is None:
        return
    if output.dtype not in DTYPES:
        raise ValueError(
            f"{owner}: output has dtype={output.dtype!r}, expected one of {', '.join(map(repr, DTYPES))}"
        )
    if not output.kind.usual:
        raise ValueError(
            f"{owner}: output has {output.kind}, which is for the loaders, that decode; rows are mixed as they are: "
            "leave channels and bits out"
        )
    means = np.size(output.mean)
    if means > MOST_MEANS_OF_UINT8 and output.dtype == "uint8":
        raise ValueError(
            f"{owner}: output has {means} means and dtype='uint8', of which DALI's operator ends the process; give one "
            "mean and deviation for all channels, or dtype='float32'"
        )


def check_targets(
    owner: str, targets: Any, num_classes: int | None, label_mixing: str, label_smoothing: float
) -> None:
    """Raise ValueError for a form of targets that does not exist, or that cannot hold the labels.

    Args:
        num_classes: None for labels that are vectors.
        label_mixing, label_smoothing: the policy's.
    """
    choice(owner, "targets", targets, ("dense", "compact"))
    refuse_compact(owner, label_mixing, targets)
    if targets == "compact" and num_classes is None:
        raise ValueError(
            f"{owner}: targets='compact' consists of class ids; give num_classes, or targets='dense' for float vectors"
        )
    if targets == "compact" and label_smoothing:
        raise ValueError(
            f"{owner}: policy has label_smoothing={label_smoothing:g}, but compact targets hold no smoothing; use "
            "label_smoothing=0 and smooth in the loss, or targets='dense'"
        )
