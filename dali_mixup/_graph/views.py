"""The views of a batch's images as operators: one decode, and for each view a window, its augmentation, mixing if the
view has a policy, and its normalisation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.conditional import deal
from dali_mixup._graph.decode import Backend, Stored
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.feed_kernels import normalising
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup._graph.pixels import mixed_and_normalised
from dali_mixup._graph.transforms import BatchDraws, Transform
from dali_mixup._graph.view_names import HERE, named

DTYPES = {
    "float32": types.DALIDataType.FLOAT,
    "float16": types.DALIDataType.FLOAT16,
    # DALI has no bfloat16 output: the pipeline ends in float32 and the loader rounds once, on the device.
    "bfloat16": types.DALIDataType.FLOAT,
}
BFLOAT16_BITS = types.DALIDataType.UINT16
"""The compiled kernels do write bfloat16, which DALI hands on as this type, and no view has another use for."""


@dataclass(frozen=True)
class ViewSpec:
    """What a view is, apart from its mixing.

    Attributes:
        transform: the processing of each image before mixing.
        mean, std: (C,) of the normalisation, in units of the decoded pixels.
        dtype: dtype of the images handed to the model, a key of `DTYPES`.
        channels_last: end in HWC order in memory, which is (N, C, H, W) in torch's channels_last format without a copy.
        window: number of the view whose window and flip this one has; its own number if it has its own.
        of_part: it is made of some of the rows only, which the array `HERE` names; never of a view that is mixed.
        clean: whether to output the images before mixing too.
        kind: the decoded pixels, of which all views of a pipeline are made.
    """

    transform: Transform
    mean: tuple[float, ...]
    std: tuple[float, ...]
    dtype: str
    channels_last: bool
    window: int = 0
    of_part: bool = False
    clean: bool = False
    kind: PixelKind = USUAL

    @property
    def draws(self) -> BatchDraws | None:
        """The decisions of the transform that are made for each batch outside the graph."""
        draws = self.transform.draws
        return draws if draws is None else draws.of_channels(self.kind.channels)

    @property
    def layout(self) -> str:
        """DALI's name of the axes of the images."""
        return "HWC" if self.channels_last else "CHW"


def made_as(dtype: str, compiled: bool) -> types.DALIDataType:
    """The type in which a graph hands out images of a dtype, a key of `DTYPES`.

    Args:
        compiled: the compiled kernels write them.
    """
    return BFLOAT16_BITS if compiled and dtype == "bfloat16" else DTYPES[dtype]


def made(
    views: Sequence[ViewSpec],
    feeds: Sequence[PlanFeed | None],
    encoded: DataNode,
    backend: Backend,
    seeds: Iterator[int],
    nodes: Mapping[str, DataNode],
) -> list[DataNode]:
    """The images of each view, normalised and, where it has a feed, mixed; then those before mixing of each view that
    hands them out.

    Args:
        feeds: one for each view; None: it is not mixed.
        nodes: the arrays of all views, as `named`.
    """
    stored = Stored.of(encoded, backend, decoded=len({view.window for view in views}) > 1)
    drawn: dict[int, dict[str, DataNode]] = {}
    finished, clean = [], []
    for number, (view, feed) in enumerate(zip(views, feeds, strict=True)):
        prefix = named(number, "")
        own = {name.removeprefix(prefix): node for name, node in nodes.items() if name.startswith(prefix)}
        if view.window == number:
            drawn[number] = view.transform.windows(stored, seeds, own)
        own |= drawn[view.window]
        if backend.compiled:
            own["normalising"] = types.Constant(normalising(view.mean, view.std), device="cpu")
        source = stored
        if view.of_part:
            source, own = _of_part(view, stored, own)
        plain, window = view.transform.graph(source, seeds, own, view.mean, view.std)
        # DALI's GPU kernels, but for a few, take no float16; the loader rounds.
        dtype = "float32" if view.transform.changes_after_mix else view.dtype
        if feed is None:
            images = _normalised(plain, window, view, own, dtype)
        else:
            images = mixed_and_normalised(plain, feed, own, made_as(dtype, feed.compiled), view.layout)
        finished.append(view.transform.after_mix(images, seeds, own, view.layout, len(view.mean)))
        if view.clean:
            clean.append(_normalised(plain, window, view, own, dtype))
    return [*finished, *clean]


def _of_part(
    view: ViewSpec, stored: Stored, nodes: dict[str, DataNode]
) -> tuple[Stored, dict[str, DataNode]]:
    """The images and nodes of the view's rows alone. What is the same for all rows has to be dealt too: a constant that
    is made later would have the rows of the whole batch."""
    size = types.Constant(np.array(view.transform.size, np.float32), device="cpu")
    images, _ = deal(stored.nodes, nodes[HERE], stored.nodes, ())
    own = {"size": size, **nodes}
    del own[HERE]
    part, _ = deal(own, nodes[HERE], own, ())
    return replace(stored, extents=None, **images), part


def _normalised(
    images: DataNode,
    window: dict[str, Any],
    view: ViewSpec,
    nodes: Mapping[str, DataNode],
    dtype: str,
) -> DataNode:
    if window or "normalising" not in nodes:
        return fn.crop_mirror_normalize(
            images,
            **window,
            mean=list(view.mean),
            std=list(view.std),
            dtype=made_as(dtype, compiled=False),
            output_layout=view.layout,
        )
    from dali_mixup._cpu.operators import normalised

    return normalised(images, nodes["normalising"], made_as(dtype, compiled=True), view.layout)
