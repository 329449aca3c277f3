"""A stage of random operations as DALI operators: its layers one after the other, or a `Composition`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup.augment.chains import Chains
from dali_mixup.augment.compiled_graph import can_compile, operated
from dali_mixup.augment.draws import TransformDraws, further_of
from dali_mixup.augment.layers_graph import Layers
from dali_mixup.augment.operations import TRUNCATE
from dali_mixup.augment.operators import Canvas
from dali_mixup.augment.pixmix import PixMix
from dali_mixup.augment.pixmix_graph import pixmixed
from dali_mixup.augment.stage import Composition, Stage


def after_stages(
    images: DataNode, draws: TransformDraws, nodes: Mapping[str, DataNode], canvas: Canvas
) -> DataNode:
    """Images, uint8 HWC, after all stages. With the compiled kernels neighbouring stages are one operator.

    Args:
        nodes: the arrays of `draws`, and of the loader if a stage needs any, on the CPU.
    """
    for together, stages in groupby(draws.placed, lambda placed: canvas.compiled and _is_compiled(placed[0])):
        run = list(stages)
        count = sum(len(stage.layers) for stage, _ in run)
        if together and count:
            images = operated(images, range(run[0][1], run[0][1] + count), nodes, canvas)
        else:
            for stage, first in run:
                images = after_stage(images, stage, first, nodes, canvas)
    return images


def _is_compiled(stage: Stage) -> bool:
    return not isinstance(stage, Composition) and can_compile(stage.layers)


def after_stage(
    images: DataNode, stage: Stage, first: int, nodes: Mapping[str, DataNode], canvas: Canvas
) -> DataNode:
    """Images, uint8 HWC, after a stage.

    Args:
        first: the number of the stage's first layer.
        nodes: the arrays of `TransformDraws`, and of the loader if the stage needs any, on the CPU.
    """
    layers = Layers(stage, first, canvas)
    if isinstance(stage, Chains):
        weights = [nodes[name] for name in further_of(stage, first).values()]
        return _side_by_side(images, stage, weights, nodes, layers)
    if isinstance(stage, PixMix):
        return pixmixed(images, stage, nodes, further_of(stage, first), layers)
    return layers.through(range(len(stage.layers)), images, nodes)


def _side_by_side(
    images: DataNode, stage: Chains, weights: list[DataNode], nodes: Mapping[str, DataNode], layers: Layers
) -> DataNode:
    """The average, truncated, as torchvision and timm do."""
    total = images * weights[0]
    for i, weight in enumerate(weights[1:]):
        chain = range(i * stage.length, (i + 1) * stage.length)
        total = total + layers.through(chain, images, nodes) * weight
    return fn.cast(total - TRUNCATE, dtype=types.DALIDataType.UINT8)
