"""The plan of each batch as nodes: an operator in Python checks the batch, decides its mixing and returns the arrays.

It sees the rows that the batch has, which DALI lets change, and their labels. It costs CPU time for every array and
row, 2.4 times that of an external source (1.7 times with every method), which knows neither (benchmarks/fn_mix.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from nvidia.dali import fn
from nvidia.dali.data_node import DataNode
from nvidia.dali.pipeline import Pipeline

from dali_mixup._decide.plan import MixPlan
from dali_mixup._graph.clock import Clock
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.inputs import check_ids, check_shapes, check_vectors
from dali_mixup._graph.layout import Layout


@dataclass(frozen=True)
class Address:
    """What a batch's plan depends on besides its epoch and step; see `MixPolicy.plan`."""

    seed: int
    rank: int
    steps_per_epoch: int | None


def planned(
    images: DataNode,
    labels: DataNode,
    feed: PlanFeed,
    layout: Layout,
    address: Address,
    num_classes: int | None,
    extra: tuple[str, ...],
) -> tuple[DataNode, dict[str, DataNode]]:
    """The labels, and the arrays of the plan by name: those of `feed`, `extra`, and shapes of the rows (see
    `_Plans.shapes_of`). All operators that cannot work before the batch was checked depend on one of them.

    Args:
        images: rows on any device, of which only the shapes are read.
        labels: labels on the CPU, class ids if there are `num_classes`, else vectors.
        extra: attributes of the plan, one entry per row each.
    """
    names = tuple(dict.fromkeys(feed.label_names + feed.pixel_names))
    plans = _Plans(feed, layout, address, num_classes, names, extra, Clock(Pipeline.current()))
    all_names = (*names, *extra, *plans.shape_names)
    labels, *made = fn.python_function(
        labels,
        images.shape(device="cpu"),
        function=plans,
        num_outputs=1 + len(all_names),
        batch_processing=True,
    )
    return labels, dict(zip(all_names, made, strict=True))


class _Plans:
    """Called by DALI with a batch's labels and shapes. A class, not a closure, so that autograph leaves it alone."""

    def __init__(
        self,
        feed: PlanFeed,
        layout: Layout,
        address: Address,
        num_classes: int | None,
        names: tuple[str, ...],
        extra: tuple[str, ...],
        clock: Clock,
    ):
        self.feed, self.layout, self.address, self.num_classes = feed, layout, address, num_classes
        self.names, self.extra, self.clock = names, extra, clock
        self.size = (feed.height, feed.width) if layout.boxed else None
        self.shape_names = ("given_shape",) if layout.images else ("given_shape", "frames", "tall", "made")
        self.__name__ = "plan_of_mix"

    def __call__(self, labels: Any, shapes: Any) -> tuple[list[np.ndarray], ...]:
        epoch, step = self.clock.take()
        lines = np.stack([np.asarray(shape) for shape in shapes])
        check_shapes(lines, self.layout, self.size, len(self.feed.mean))
        given = [np.asarray(label) for label in labels]
        if self.num_classes is None:
            check_vectors(given)
            known = np.stack(given) if self.feed.policy.rule.by_value else None
        else:
            known = check_ids(given, self.num_classes)
        plan = self._plan(len(given), known, epoch, step)
        frames = self.layout.frames(lines[0].tolist())
        arrays = self.feed.arrays(plan, self.names, frames[0])
        extra = [getattr(plan, name) for name in self.extra]
        made = [_rows(array) for array in (*arrays, *extra)]
        return (labels, *made, *([line] * len(given) for line in self._shapes(lines[0], frames)))

    def _plan(self, rows: int, labels: np.ndarray | None, epoch: int, step: int) -> MixPlan:
        # DALI continues to count iterations across epochs unless the pipeline is reset, which advances its epoch.
        steps = self.address.steps_per_epoch
        more, step = divmod(step, steps) if steps else (0, step)
        try:
            return self.feed.policy.plan(
                rows,
                *(self.size or ()),
                seed=self.address.seed,
                rank=self.address.rank,
                epoch=epoch + more,
                step=step,
                labels=labels,
                steps_per_epoch=steps,
            )
        except StopIteration as error:  # to DALI it would be the end of the data
            raise RuntimeError(
                "mix: a function of the policy, such as a schedule's curve, raised StopIteration"
            ) from error

    def _shapes(self, line: np.ndarray, frames: tuple[int, int, int, int]) -> list[np.ndarray]:
        """The shapes of a row in the order of `shape_names`: as it is given, as the operators work on it, with its
        frames on top of each other, as it is returned."""
        f, h, w, c = frames
        given = line.tolist()
        shapes = [given, frames, (f * h, w, c), self.layout.made_shape(given)]
        return [np.array(shape, np.int32) for shape in shapes[: len(self.shape_names)]]


def _rows(array: np.ndarray | list[np.ndarray]) -> list[np.ndarray]:
    """One array per row, where an array of numbers gives arrays without dimensions."""
    return array if isinstance(array, list) else [array[i, ...] for i in range(len(array))]
