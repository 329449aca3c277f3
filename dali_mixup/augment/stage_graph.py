"""A stage of random operations as DALI operators: its layers one after the other, or its chains side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup.augment.chains import Chains
from dali_mixup.augment.draws import of_prefix, weights_of
from dali_mixup.augment.operations import TRUNCATE
from dali_mixup.augment.operators import Canvas, apply
from dali_mixup.augment.stage import Stage


def after_stage(
    images: DataNode, stage: Stage, first: int, nodes: Mapping[str, DataNode], canvas: Canvas
) -> DataNode:
    """Images, uint8 HWC, after a stage.

    Args:
        first: the number of the stage's first layer.
        nodes: the arrays of `TransformDraws`, on the CPU.
    """
    numbers = range(first, first + len(stage.layers))
    if not isinstance(stage, Chains):
        return _through(images, stage, numbers, first, nodes, canvas)
    own, *others = (nodes[name] for name in weights_of(stage, first))
    total = images * own
    for i, weight in enumerate(others):
        chain = numbers[i * stage.length : (i + 1) * stage.length]
        total = total + _through(images, stage, chain, first, nodes, canvas) * weight
    # Truncated, as torchvision and timm do.
    return fn.cast(total - TRUNCATE, dtype=types.DALIDataType.UINT8)


def _through(
    images: DataNode,
    stage: Stage,
    numbers: Sequence[int],
    first: int,
    nodes: Mapping[str, DataNode],
    canvas: Canvas,
) -> DataNode:
    for number in numbers:
        images = apply(images, stage.layers[number - first], of_prefix(f"{number}", nodes), canvas)
    return images
