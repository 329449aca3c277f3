"""Layers of operations, one after the other, as one compiled operator of the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup.augment.draws import of_prefix
from dali_mixup.augment.operations import Kernel
from dali_mixup.augment.operators import Canvas

IN_KERNELS = frozenset(Kernel) - {Kernel.JPEG}
"""The operations that `_cpu.operating` has, under the same numbers."""


def can_compile(layers: Iterable[frozenset[Kernel]]) -> bool:
    """True if the layers' operations are all of these."""
    return all(layer <= IN_KERNELS for layer in layers)


def operated(
    images: DataNode, numbers: Sequence[int], nodes: Mapping[str, DataNode], canvas: Canvas
) -> DataNode:
    """Images, uint8 HWC, after the layers of these numbers.

    Args:
        nodes: the arrays of `TransformDraws`, on the CPU.
    """
    from dali_mixup._cpu.operating import canvas_code
    from dali_mixup._cpu.operators import operated as compiled

    layers = [of_prefix(f"{number}", nodes) for number in numbers]
    first = layers[0]["kernel"]
    kernels = fn.stack(*[layer["kernel"] for layer in layers])
    by_nearest = canvas.interpolation == types.DALIInterpType.INTERP_NN
    # The same number for all rows, which may be a part of the batch: a constant would have the whole batch's.
    code = fn.lookup_table(
        first, default_value=canvas_code(canvas.fill, by_nearest), dtype=types.DALIDataType.INT32
    )
    # What a layer does not have, no kernel of it reads.
    nothing = fn.cast(first, dtype=types.DALIDataType.FLOAT)
    amounts = fn.stack(*[layer.get("amount", nothing) for layer in layers])
    return compiled(
        images,
        kernels,
        code,
        amounts,
        _stacked("affine", (2, 3), layers, nothing),
        _stacked("colour", (3, 4), layers, nothing),
    )


def _stacked(
    name: str, shape: tuple[int, int], layers: Sequence[Mapping[str, DataNode]], nothing: DataNode
) -> DataNode:
    """(L, *shape) float32, of layers that have no such matrix any numbers."""
    height, width = shape
    found = [layer[name] for layer in layers if name in layer]
    other = found[0] if found else fn.reshape(fn.stack(*[nothing] * (height * width)), shape=[height, width])
    return fn.stack(*[layer.get(name, other) for layer in layers])
