"""The label part of a plan as DALI operators.

A union is the largest value of the images that have a share. One without is left out by its place ("uniting"), not by a
weight of 0: its label may be NaN, and the labels of the others below 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode


def compact(labels: DataNode, columns: int, nodes: Mapping[str, DataNode], union: bool) -> DataNode:
    """(k,) int64 class ids per row, own first, from class ids () or (1,)."""
    own = fn.reshape(fn.cast(labels, dtype=types.DALIDataType.INT64), shape=[1])
    return fn.cat(*_rows(own, columns, nodes, union), axis=0)


def dense_classes(
    ids: DataNode, num_classes: int, columns: int, weights: DataNode, smoothing: float, union: bool
) -> DataNode:
    """(num_classes,) float32, sum_j w_j onehot(id_j) with timm's on and off values, or max_{w_j > 0} onehot(id_j)."""
    off = smoothing / num_classes
    hot = {
        "num_classes": num_classes,
        "on_value": 1.0 - smoothing + off,
        "off_value": off,
        "dtype": types.DALIDataType.FLOAT,
    }
    hots = [fn.one_hot(_element(ids, j), **hot) for j in range(columns)]
    return reduce(math.max, hots) if union else _weighted(hots, weights)


def dense_vectors(labels: DataNode, columns: int, nodes: Mapping[str, DataNode], union: bool) -> DataNode:
    """(C,) float32, sum_j w_j y_j of float vectors, or max_{w_j > 0} y_j."""
    rows = _rows(fn.cast(labels, dtype=types.DALIDataType.FLOAT), columns, nodes, union)
    return reduce(math.max, rows) if union else _weighted(rows, nodes["weights"])


def _rows(own: DataNode, columns: int, nodes: Mapping[str, DataNode], union: bool) -> list[DataNode]:
    """The labels of the images of each row, own first; of a union those of its images with a share."""
    if union:
        return [fn.permute_batch(own, indices=nodes[f"uniting{j}"]) for j in range(columns)]
    return [own, *(fn.permute_batch(own, indices=nodes[f"partner{j}"]) for j in range(1, columns))]


def _element(vector: DataNode, index: int) -> DataNode:
    return fn.reshape(fn.slice(vector, index, 1, axes=[0]), shape=[])


def _weighted(terms: list[DataNode], weights: DataNode) -> DataNode:
    total = terms[0] * _element(weights, 0)
    for j, term in enumerate(terms[1:], 1):
        total = total + term * _element(weights, j)
    return total
