"""Windows of resized images, reflected where they leave them, as operators."""

from __future__ import annotations

from typing import Any

from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.conditional import collect, deal
from dali_mixup.augment.resize import resized_for_window

INT32 = types.DALIDataType.INT32


def reflected_window(
    images: DataNode,
    before: DataNode,
    start: DataNode,
    whole: DataNode,
    extent: DataNode,
    resize: dict[str, Any],
) -> DataNode:
    """(h, w, C) HWC, as decoded: the window of an image that is resized to `whole`, reflected where it leaves that.

    Args:
        images: (H, W, C) HWC, as decoded.
        before: (2,) int64, height and width of the images.
        start, whole: (2,) int64, (y, x) of the window in the resized image, and the (h, w) of that.
        extent: (2,) int64 on the CPU, (h, w) for every row.
    """
    images, whole, start = resized_for_window(images, before, whole, start, extent, resize)
    nodes = {
        "images": images,
        "first": math.max(start, 0),
        "end": math.min(start + extent, whole),
        "before": math.max(-start, 0),
        "after": math.max(start + extent - whole, 0),
    }
    leaves = fn.reductions.max(nodes["before"] + nodes["after"]) > 0
    leaving, inside = deal(nodes, leaves, here=nodes, there=("images", "first", "end"))
    pixels = leaving.pop("images")
    for axis in (0, 1):
        pixels = _reflected(pixels, axis, **leaving)
    shape = fn.cast(inside["end"] - inside["first"], dtype=INT32)
    cut = fn.slice(
        inside["images"], start=fn.cast(inside["first"], dtype=INT32), shape=shape, axis_names="HW"
    )
    return collect(pixels, cut, leaves)


def _reflected(
    images: DataNode, axis: int, first: DataNode, end: DataNode, before: DataNode, after: DataNode
) -> DataNode:
    """The lines from `first` to `end` along one axis, `before` and `after` more of them at the ends, reflected at the
    outermost line. No part is empty: the outermost lines come with what is reflected."""
    one, two = (fn.slice(node, start=[axis], shape=[1], axes=[0]) for node in (first, end))
    more, rest = (fn.slice(node, start=[axis], shape=[1], axes=[0]) for node in (before, after))

    def lines(start: DataNode, count: DataNode) -> DataNode:
        places = {"start": fn.cast(start, dtype=INT32), "shape": fn.cast(count, dtype=INT32)}
        return fn.slice(images, **places, axes=[axis])

    def turned(part: DataNode) -> DataNode:
        return fn.flip(part, horizontal=axis, vertical=1 - axis)

    parts = (
        turned(lines(one, more + 1)),
        lines(one + 1, two - one - 2),
        turned(lines(two - 1 - rest, rest + 1)),
    )
    return fn.cat(*parts, axis=axis)
