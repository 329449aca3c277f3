"""What a stage drew for a batch, checked: stages may be anybody's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dali_mixup.augment.operations import MOST_SIGMA, PARAMETER, Actions, Kernel
from dali_mixup.augment.stage import Stage

SHAPES = {"kernel": (), "affine": (2, 3), "colour": (3, 4), "amount": ()}
"""The arrays of `Actions`, and what each has for a row."""


def parameters_of(kernels: frozenset[Kernel]) -> tuple[str, ...]:
    """The names of the `Actions` arrays that these kernels read, `kernel` first."""
    return ("kernel", *sorted({PARAMETER[kernel] for kernel in kernels if kernel in PARAMETER}))


def arrays_of(stage: Stage, drawn: Any, rows: int) -> Iterator[np.ndarray]:
    """The arrays that the stage's layers read.

    Args:
        drawn: what its `draw` returned for these rows.

    Raises:
        TypeError, ValueError: not one `Actions` of these rows for each layer, operations that the layer does not name,
            or numbers that no kernel takes.
    """
    layers = stage.layers
    if not isinstance(drawn, (list, tuple)) or not all(isinstance(one, Actions) for one in drawn):
        raise TypeError(f"{_named(stage)} returned {drawn!r}, expected a list of Actions, one for each layer")
    if len(drawn) != len(layers):
        raise ValueError(
            f"{_named(stage)} returned {len(drawn)} Actions, expected one for each of {len(layers)} layers"
        )
    for actions, layer in zip(drawn, layers, strict=True):
        for name in parameters_of(layer):
            array = getattr(actions, name)
            if np.shape(array) != (rows, *SHAPES[name]):
                raise ValueError(
                    f"{_named(stage)} returned {name} of shape {np.shape(array)}, expected {(rows, *SHAPES[name])}"
                )
            if not np.isfinite(array).all():
                raise ValueError(
                    f"{_named(stage)} returned {name} with NaN or infinity, expected finite numbers"
                )
        _check_kernels(stage, actions, layer)
        for name in parameters_of(layer):
            yield getattr(actions, name).astype(np.int32 if name == "kernel" else np.float32, copy=False)


def _check_kernels(stage: Stage, actions: Actions, layer: frozenset[Kernel]) -> None:
    """The graph has the kernels of the layer only; masks of segmentation move if these say so."""
    used = set(np.unique(actions.kernel).tolist())
    if strange := used - layer - {Kernel.NONE}:
        named = ", ".join(Kernel(one).name if one in list(Kernel) else str(one) for one in sorted(strange))
        raise ValueError(
            f"{_named(stage)} drew {named}, which the layer does not have; name every operation that it may draw in "
            "layers: kernels_of([...])"
        )
    if Kernel.BLUR in layer:
        sigma = actions.amount[actions.kernel == Kernel.BLUR]
        if ((sigma <= 0) | (sigma > MOST_SIGMA)).any():
            raise ValueError(
                f"{_named(stage)} drew GaussianBlur with a sigma of {sigma.min():g} to {sigma.max():g}, expected "
                f"0 < sigma <= {MOST_SIGMA:g} pixels"
            )


def _named(stage: Stage) -> str:
    return f"the stage {type(stage).__name__}: draw"
