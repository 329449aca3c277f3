"""Layers of operations on colours, one after the other, as one compiled operator of the CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup.augment.draws import of_prefix
from dali_mixup.augment.operations import Kernel
from dali_mixup.augment.stage import Composition, Stage

IN_KERNELS = (Kernel.NONE, Kernel.COLOUR, Kernel.CONTRAST, Kernel.SOLARIZE, Kernel.BRIGHTNESS)
"""The operations that `_cpu.colours` has, in its numbers."""


def of_colours(stage: Stage) -> bool:
    """True if the stage's operations are all of these."""
    return not isinstance(stage, Composition) and all(layer <= set(IN_KERNELS) for layer in stage.layers)


def worth_compiling(layers: Sequence[frozenset[Kernel]]) -> bool:
    """True for layers with a colour matrix. DALI needs most of the time for these; the others it does as fast."""
    return any(Kernel.COLOUR in layer for layer in layers)


def recoloured(images: DataNode, numbers: Sequence[int], nodes: Mapping[str, DataNode]) -> DataNode:
    """Images, uint8 HWC, after the layers of these numbers.

    Args:
        nodes: the arrays of `TransformDraws`, on the CPU.
    """
    from dali_mixup._cpu.operators import recoloured as compiled

    layers = [of_prefix(f"{number}", nodes) for number in numbers]
    kernels = fn.lookup_table(
        fn.stack(*[layer["kernel"] for layer in layers]),
        keys=[int(kernel) for kernel in IN_KERNELS],
        values=list(range(len(IN_KERNELS))),
        dtype=types.DALIDataType.INT32,
    )
    # What a layer does not have, no kernel of it reads.
    matrix = next(layer["colour"] for layer in layers if "colour" in layer)
    nothing = fn.cast(layers[0]["kernel"], dtype=types.DALIDataType.FLOAT)
    amounts = fn.stack(*[layer.get("amount", nothing) for layer in layers])
    matrices = fn.stack(*[layer.get("colour", matrix) for layer in layers])
    return compiled(images, kernels, amounts, matrices)
