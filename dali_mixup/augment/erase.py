"""Rectangles erased in the graph. Images without one are not touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

FLOAT = types.DALIDataType.FLOAT
INT32 = types.DALIDataType.INT32


@dataclass(frozen=True)
class Noise:
    """Normal noise, each pixel and channel on its own, rounded to and cut off at what `dtype` holds.

    Attributes:
        mean, std: (3,) in the images' units.
        seeds: (3,) of the channels' generators.
        dtype, layout: of the images, "HWC" or "CHW".
    """

    mean: Sequence[float]
    std: Sequence[float]
    seeds: Sequence[int]
    dtype: types.DALIDataType
    layout: str

    def patch(self, shape: DataNode, device: str) -> DataNode:
        """Noise of `shape` (height, width) pixels. One operator has one mean, so each channel has its own."""
        channels = [
            fn.random.normal(shape=shape, mean=mean, stddev=std, seed=seed, device=device, dtype=self.dtype)
            for mean, std, seed in zip(self.mean, self.std, self.seeds, strict=True)
        ]
        planes = [fn.reshape(channel, layout="HW") for channel in channels]
        return fn.stack(*planes, axis=self.layout.index("C"), axis_name="C")


def erase(
    images: DataNode,
    nodes: Mapping[str, DataNode],
    fill: Sequence[float] | DataNode | Noise,
    size: tuple[int, int] | None,
) -> DataNode:
    """One rectangle of each image replaced. Passes, only over the images that have one: 1, or 3 with noise.

    Args:
        images: uint8 or float32, float16 too if the fill is a colour; HWC or CHW.
        nodes: on the CPU, the fields erased, start and shape of `erasing.Rectangles`, and "size", (2,) float32, if it
            changes with the batch.
        fill: a colour (3,) for all, one for each image, or noise; in the images' units.
        size: (height, width) of the images; None: `nodes["size"]`.
    """
    predicate = nodes["erased"]

    def of_erased(node: DataNode) -> DataNode:
        return fn._conditional.split(node, predicate=predicate, _if_stmt=True)[0]

    mine, others = fn._conditional.split(images, predicate=predicate, _if_stmt=True)
    start, shape = of_erased(nodes["start"]), of_erased(nodes["shape"])
    region = {
        "anchor": fn.cast(start, dtype=FLOAT),
        "shape": fn.cast(shape, dtype=FLOAT),
        "axis_names": "HW",
    }
    if isinstance(fill, Noise):
        placed = fn.slice(
            fill.patch(shape, images.device),
            start=start * -1,
            shape=list(size) if size else fn.cast(of_erased(nodes["size"]), dtype=INT32),
            axis_names="HW",
            out_of_bounds_policy="pad",
            fill_values=0,
        )
        done = fn.erase(mine, fill_value=0, **region) + placed
    else:
        colour = of_erased(fill) if isinstance(fill, DataNode) else list(fill)
        done = fn.erase(mine, fill_value=colour, **region)
    return fn._conditional.merge(done, others, predicate=predicate)
