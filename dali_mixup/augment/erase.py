"""Rectangles erased in the graph. Images without a rectangle are not touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.conditional import collect, deal

FLOAT = types.DALIDataType.FLOAT
INT32 = types.DALIDataType.INT32


@dataclass(frozen=True)
class Noise:
    """Normal noise, independent for each pixel and channel, rounded and clipped to the range of `dtype`.

    Attributes:
        mean, std: (C,) in the images' units.
        seeds: (C,) seeds of the channels' generators.
        dtype, layout: of the images, "HWC" or "CHW".
        compiled: for the compiled kernels, whose images are uint8 HWC: mean and deviation as (2, 3) float32, see
            `feed_kernels.normalising`; None: DALI's operators.
    """

    mean: Sequence[float]
    std: Sequence[float]
    seeds: Sequence[int]
    dtype: types.DALIDataType
    layout: str
    compiled: DataNode | None = None

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
    """One rectangle of each image replaced. Passes, only over the images with a rectangle: 1, or 3 with DALI's
    noise.

    Args:
        images: uint8 or float32 (DALI's GPU kernel takes no float16), HWC or CHW.
        nodes: on the CPU, the fields erased, start and shape of `erasing.Rectangles`, and "size", (2,) float32, if it
            changes with the batch.
        fill: one colour (C,) for all images, one colour per image, or noise; in the images' units.
        size: (height, width) of the images; None: `nodes["size"]`.
    """
    wanted = {"images": images, "start": nodes["start"], "shape": nodes["shape"]}
    if isinstance(fill, DataNode):
        wanted["fill"] = fill
    if isinstance(fill, Noise) and fill.compiled is not None:
        wanted["normalising"] = fill.compiled
    elif isinstance(fill, Noise) and size is None:
        wanted["size"] = nodes["size"]
    mine, others = deal(wanted, nodes["erased"], here=wanted, there=["images"])
    start, shape = mine["start"], mine["shape"]
    if "normalising" in mine:
        assert isinstance(fill, Noise)
        done = _noisy(mine, fill.seeds[0])
        return collect(done, others["images"], nodes["erased"])
    region = {
        "anchor": fn.cast(start, dtype=FLOAT),
        "shape": fn.cast(shape, dtype=FLOAT),
        "axis_names": "HW",
    }
    if isinstance(fill, Noise):
        placed = fn.slice(
            fill.patch(shape, images.device),
            start=start * -1,
            shape=list(size) if size else fn.cast(mine["size"], dtype=INT32),
            axis_names="HW",
            out_of_bounds_policy="pad",
            fill_values=0,
        )
        done = fn.erase(mine["images"], fill_value=0, **region) + placed
    else:
        colour = mine["fill"] if isinstance(fill, DataNode) else list(fill)
        done = fn.erase(mine["images"], fill_value=colour, **region)
    return collect(done, others["images"], nodes["erased"])


def _noisy(nodes: Mapping[str, DataNode], seed: int) -> DataNode:
    from dali_mixup._cpu.operators import noisy

    key = fn.random.uniform(nodes["start"], range=[0, 2**31 - 1], dtype=INT32, seed=seed)
    return noisy(nodes["images"], nodes["start"], nodes["shape"], key, nodes["normalising"])
