"""The label part of a plan as DALI operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode


def compact(labels: DataNode, columns: int, nodes: Mapping[str, DataNode]) -> DataNode:
    """(k,) int64 class ids a row, own first, from class ids () or (1,)."""
    own = fn.reshape(fn.cast(labels, dtype=types.DALIDataType.INT64), shape=[1])
    partners = [fn.permute_batch(own, indices=nodes[f"partner{j}"]) for j in range(1, columns)]
    return fn.cat(own, *partners, axis=0)


def dense_classes(
    ids: DataNode, num_classes: int, columns: int, weights: DataNode, smoothing: float
) -> DataNode:
    """(num_classes,) float32, sum_j w_j onehot(id_j) with timm's on and off values."""
    off = smoothing / num_classes
    hot = {
        "num_classes": num_classes,
        "on_value": 1.0 - smoothing + off,
        "off_value": off,
        "dtype": types.DALIDataType.FLOAT,
    }
    return _weighted([fn.one_hot(_element(ids, j), **hot) for j in range(columns)], weights)


def dense_vectors(
    labels: DataNode, columns: int, nodes: Mapping[str, DataNode], smoothing: float
) -> DataNode:
    """(C,) float32, sum_j w_j y_j of float vectors; smoothing as timm 1.0.31 does for multi-label targets,
    y (1 - eps) + eps / 2."""
    own = fn.cast(labels, dtype=types.DALIDataType.FLOAT)
    if smoothing:
        own = own * (1.0 - smoothing) + smoothing / 2
    partners = [fn.permute_batch(own, indices=nodes[f"partner{j}"]) for j in range(1, columns)]
    return _weighted([own, *partners], nodes["weights"])


def checked(labels: DataNode, num_classes: int) -> DataNode:
    """The same labels; a label outside [0, num_classes) ends the run with its value, where DALI's one_hot would
    return a row of off values and say nothing."""
    return fn.python_function(labels, function=_Range(num_classes), batch_processing=True)


class _Range:
    """Called by DALI with the labels of a batch. A class, not a closure, so that autograph leaves it alone."""

    def __init__(self, num_classes: int):
        self.num_classes = num_classes
        self.__name__ = "label_range"

    def __call__(self, labels: Any) -> Any:
        values = (
            np.concatenate([np.ravel(label) for label in labels]) if len(labels) else np.zeros(0, np.int64)
        )
        bad = values[(values < 0) | (values >= self.num_classes)]
        if len(bad):
            raise ValueError(
                f"label {int(bad[0])} is outside [0, {self.num_classes}); {len(bad)} of {len(values)} labels in this "
                f"batch are. Give num_classes >= {int(values.max()) + 1}, or correct the labels"
            )
        return labels


def _element(vector: DataNode, index: int) -> DataNode:
    return fn.reshape(fn.slice(vector, index, 1, axes=[0]), shape=[])


def _weighted(terms: list[DataNode], weights: DataNode) -> DataNode:
    total = terms[0] * _element(weights, 0)
    for j, term in enumerate(terms[1:], 1):
        total = total + term * _element(weights, j)
    return total
