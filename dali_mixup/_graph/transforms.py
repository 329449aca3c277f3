"""The transform of a view, as the graph knows it: the classes that have these attributes are in `augment`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.decode import Stored


class BatchDraws(Protocol):
    """Decisions of a transform that are made outside the graph, for a whole batch."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays."""

    @property
    def pictures(self) -> bool:
        """True if the images of the batch are mixed with those of the unlabelled samples."""

    def arrays(self, rows: int, seed: int, rank: int, epoch: int, step: int) -> tuple[np.ndarray, ...]:
        """The arrays of `names` for one batch, each with one entry per row."""

    def size_at(self, seed: int, epoch: int, step: int) -> tuple[int, int]:
        """(height, width) of a batch's images."""

    def of_channels(self, channels: int) -> BatchDraws:
        """The same for images of so many channels."""


class Transform(Protocol):
    """From encoded bytes to the images that are mixed, and from mixed images to finished ones."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the result, the largest if it changes."""

    @property
    def draws(self) -> BatchDraws | None: ...

    @property
    def window_names(self) -> tuple[str, ...]:
        """Names of the arrays by which the graph is given the windows of images that have masks."""

    def maps(
        self,
        masks: Sequence[np.ndarray | None],
        sizes: np.ndarray,
        outside: int,
        *,
        seed: int,
        rank: int,
        epoch: int,
        step: int,
        window_seed: int | None = None,
    ) -> tuple[np.ndarray, Any]:
        """(N, h, w) uint8 masks of a batch after the geometry of their images, and the `augment.windows.Windows`."""

    @property
    def extra(self) -> Sequence[Any]:
        """The user's own functions."""

    @property
    def changes_after_mix(self) -> bool:
        """True if `after_mix` does something, for which it needs float32."""

    def windows(
        self, stored: Stored, seeds: Iterator[int], nodes: Mapping[str, DataNode]
    ) -> dict[str, DataNode]:
        """The nodes of the windows and flips of a batch, drawn in the graph unless `nodes` has them. Those by which
        `Stored.window` cuts are made from the shape of `stored`."""

    def graph(
        self,
        stored: Stored,
        seeds: Iterator[int],
        nodes: Mapping[str, DataNode],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> tuple[DataNode, dict[str, Any]]:
        """(H, W, C) HWC images, and a window of them as arguments of `fn.crop_mirror_normalize`; {}: all. Without a
        window they are as of `mixable`."""

    def after_mix(
        self,
        images: DataNode,
        seeds: Iterator[int],
        nodes: Mapping[str, DataNode],
        layout: str,
        channels: int,
    ) -> DataNode:
        """Normalised images after the operations that follow mixing."""
