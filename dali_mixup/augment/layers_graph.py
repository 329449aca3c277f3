"""The layers of a stage as functions of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nvidia.dali.data_node import DataNode

from dali_mixup.augment.compiled_graph import can_compile, operated
from dali_mixup.augment.drawn import parameters_of
from dali_mixup.augment.draws import of_prefix
from dali_mixup.augment.operators import Canvas, apply
from dali_mixup.augment.stage import Stage


@dataclass(frozen=True)
class Layers:
    """The layers of a stage.

    Attributes:
        first: the number of the stage's first layer among all.
    """

    stage: Stage
    first: int
    canvas: Canvas

    def __call__(self, i: int, images: DataNode, nodes: Mapping[str, DataNode]) -> DataNode:
        """Images, uint8 HWC, after the stage's i-th layer, which reads `names(i)` of the nodes."""
        return self.through((i,), images, nodes)

    def through(self, numbers: Sequence[int], images: DataNode, nodes: Mapping[str, DataNode]) -> DataNode:
        """Images after several layers, one after the other."""
        layers = self.stage.layers
        if self.canvas.compiled and can_compile(layers[i] for i in numbers):
            return operated(images, [self.first + i for i in numbers], nodes, self.canvas)
        for i in numbers:
            images = apply(images, layers[i], of_prefix(f"{self.first + i}", nodes), self.canvas)
        return images

    def names(self, i: int) -> tuple[str, ...]:
        """The names of the arrays of the i-th layer, and of the size if it changes."""
        size = () if self.canvas.size else ("size",)
        return (*size, *(f"{self.first + i}.{name}" for name in parameters_of(self.stage.layers[i])))
