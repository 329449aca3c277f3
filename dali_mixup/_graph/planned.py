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
from dali_mixup._graph.inputs import check_ids, check_maps, check_row_type, check_shapes, check_vectors
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
    maps: DataNode | None,
    feed: PlanFeed,
    layout: Layout,
    address: Address,
    num_classes: int | None,
    half_images: bool,
    extra: tuple[str, ...],
) -> tuple[DataNode, dict[str, DataNode]]:
    """The labels, and the arrays of the plan by name: those of `feed`, `extra`, and shapes of the rows (see
    `_Plans.shape_names`). All operators that cannot work before the batch was checked depend on one of them.

    Args:
        images: rows on any device, of which only the shapes are read and, on the CPU, the type.
        labels: labels on the CPU, class ids if there are `num_classes`, else vectors.
        maps: segmentation maps, read likewise.
        half_images: the rows become float32 before they are mixed.
        extra: attributes of the plan, one entry per row each.
    """
    names = tuple(dict.fromkeys(feed.label_names + feed.pixel_names))
    looked_at = [images] if maps is None else [images, maps]
    typed = [node.device == "cpu" for node in looked_at]
    plans = _Plans(
        feed, layout, address, num_classes, half_images, typed, names, extra, Clock(Pipeline.current())
    )
    all_names = (*names, *extra, *plans.shape_names)
    labels, *made = fn.python_function(
        labels,
        # On the CPU an array costs no more than its shape; on a GPU the shape alone is known without waiting for it.
        *(node if here else node.shape(device="cpu") for node, here in zip(looked_at, typed, strict=True)),
        function=plans,
        num_outputs=1 + len(all_names),
        batch_processing=True,
    )
    return labels, dict(zip(all_names, made, strict=True))


class _Plans:
    """Called by DALI with a batch's labels, rows and maps, or the shapes of those on a GPU. A class, not a closure, so
    that autograph leaves it alone."""

    def __init__(
        self,
        feed: PlanFeed,
        layout: Layout,
        address: Address,
        num_classes: int | None,
        half_images: bool,
        typed: list[bool],
        names: tuple[str, ...],
        extra: tuple[str, ...],
        clock: Clock,
    ):
        self.feed, self.layout, self.address, self.num_classes = feed, layout, address, num_classes
        self.half_images, self.typed = half_images, typed
        self.names, self.extra, self.clock = names, extra, clock
        self.size = (feed.height, feed.width) if layout.boxed else None
        of_frames = () if layout.images else ("frames", "tall", "made")
        of_maps = ("map_shape",) if len(typed) > 1 else ()
        self.shape_names = ("given_shape", *of_frames, *of_maps)
        self.__name__ = "plan_of_mix"

    def __call__(self, labels: Any, *looked_at: Any) -> tuple[list[np.ndarray], ...]:
        epoch, step = self.clock.take()
        (lines, dtype), *maps = map(_looks, looked_at, self.typed)
        check_shapes(lines, self.layout, self.size, len(self.feed.mean))
        if not self.half_images:
            check_row_type(dtype, self.feed.forms)
        for shapes_and_type in maps:
            check_maps(*shapes_and_type, self.layout, self.feed)
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
        frames on top of each other, as it is returned; and of a segmentation map as the operators work on it."""
        f, h, w, c = frames
        given = line.tolist()
        shapes = {
            "given_shape": given,
            "frames": frames,
            "tall": (f * h, w, c),
            "made": self.layout.made_shape(given),
            "map_shape": (h, w, 1),
        }
        return [np.array(shapes[name], np.int32) for name in self.shape_names]


def _looks(samples: Any, typed: bool) -> tuple[np.ndarray, np.dtype | None]:
    """(N, dimensions) shapes of a batch's arrays and their type, or of their shapes, which do not tell the type."""
    if typed:
        return np.array([array.shape for array in samples], np.int64), samples[0].dtype
    return np.stack([np.asarray(shape) for shape in samples]), None


def _rows(array: np.ndarray | list[np.ndarray]) -> list[np.ndarray]:
    """One array per row, where an array of numbers gives arrays without dimensions."""
    return array if isinstance(array, list) else [array[i, ...] for i in range(len(array))]
