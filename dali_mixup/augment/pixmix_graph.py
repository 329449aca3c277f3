"""PixMix as DALI operators."""

from __future__ import annotations

from collections.abc import Mapping

from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.conditional import collect, deal
from dali_mixup.augment.layers_graph import Layers
from dali_mixup.augment.pixmix import PICTURES, Mixing, PixMix

ROW, MIXED = PICTURES
LEAST = 1e-37  # of what is raised to a negative power, as in the authors' code


def pixmixed(
    images: DataNode,
    stage: PixMix,
    nodes: Mapping[str, DataNode],
    further: Mapping[str, str],
    layers: Layers,
) -> DataNode:
    """The images, uint8 HWC, after the rounds; pictures stay as they are.

    Args:
        nodes: the arrays of `TransformDraws` and of `PICTURES`, on the CPU.
        further: the names in `nodes` of the stage's further arrays.
    """
    pictures = fn.permute_batch(images, indices=nodes[ROW])
    read = {name for i in range(1 + stage.k) for name in layers.names(i)} | set(further.values())
    everything = {name: nodes[name] for name in read} | {"images": images, "pictures": pictures}
    mine, others = deal(everything, nodes[MIXED], everything, {"images"})
    return collect(_rounds(stage, mine, further, layers), others["images"], nodes[MIXED])


def _rounds(
    stage: PixMix, nodes: Mapping[str, DataNode], further: Mapping[str, str], layers: Layers
) -> DataNode:
    mixed = fn.cast(layers(0, nodes["images"], nodes), dtype=types.DALIDataType.FLOAT)
    for i in range(stage.k):
        mixing, picture, a, b = (nodes[further[f"{name}{i}"]] for name in ("mixing", "picture", "a", "b"))
        read = {name: nodes[name] for name in (*layers.names(1 + i), "images", "pictures")}
        given = {**read, "mixed": mixed, "mixing": mixing, "picture": picture, "a": a, "b": b}
        predicate = mixing != int(Mixing.NONE)
        here, there = deal(given, predicate, given, {"mixed"})
        mixed = collect(_mixed(here, _other(i, here, layers)), there["mixed"], predicate)
    return fn.cast(mixed, dtype=types.DALIDataType.UINT8)


def _other(i: int, nodes: Mapping[str, DataNode], layers: Layers) -> DataNode:
    """What an image is mixed with in a round: the picture, or a copy of the image after an operation."""
    own = {*layers.names(1 + i), "images"}
    pictures, copies = deal(nodes, nodes["picture"], {"pictures"}, own)
    copy = layers(1 + i, copies["images"], copies)
    return collect(pictures["pictures"], copy, nodes["picture"])


def _mixed(nodes: Mapping[str, DataNode], other: DataNode) -> DataNode:
    given = {"other": other} | {name: nodes[name] for name in ("mixed", "a", "b")}
    predicate = nodes["mixing"] == int(Mixing.ADD)
    added, multiplied = deal(given, predicate, given, given)
    return math.clamp(collect(_added(added), _multiplied(multiplied), predicate), 0.0, 255.0)


def _added(nodes: Mapping[str, DataNode]) -> DataNode:
    a, b = nodes["a"], nodes["b"]
    return nodes["mixed"] * a + nodes["other"] * b + (1.0 - a - b) * 127.5


def _multiplied(nodes: Mapping[str, DataNode]) -> DataNode:
    x, y = nodes["mixed"] * (2 / 255), math.max(nodes["other"] * (2 / 255), LEAST)
    return math.pow(x, nodes["a"]) * math.pow(y, nodes["b"]) * 127.5
