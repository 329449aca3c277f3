"""The compiled kernels as nodes of a graph on the CPU backend."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._cpu import finishing, noise, operating, resizing, shapes, windowing
from dali_mixup._cpu.abi import CompiledFunction
from dali_mixup._cpu.halves import Floats

UINT8, UINT16, INT32, INT64, FLOAT, FLOAT16, FLOAT64 = (
    types.DALIDataType.UINT8,
    types.DALIDataType.UINT16,
    types.DALIDataType.INT32,
    types.DALIDataType.INT64,
    types.DALIDataType.FLOAT,
    types.DALIDataType.FLOAT16,
    types.DALIDataType.FLOAT64,
)

WRITTEN = {FLOAT: Floats.FLOAT32, FLOAT16: Floats.FLOAT16, UINT16: Floats.BFLOAT16}
"""What the kernels write for the types that they are asked for. DALI has no bfloat16: they are handed out as uint16."""

# Kept as long as the process lives: DALI holds only their addresses.
_resize_entry = cache(resizing.resize_entry)
_window_entry = cache(resizing.window_entry)
_centre_entry = cache(resizing.centre_entry)
_normalise_entry = cache(finishing.normalise_entry)
_finish_entry = cache(finishing.finish_entry)
_addresses_entry = cache(finishing.addresses_entry)
_operate_entry = cache(operating.operate_entry)
_noise_entry = cache(noise.noise_entry)
_random_window_entry = cache(windowing.window_entry)
_setup_same = cache(shapes.setup_same)
_setup_size = cache(resizing.setup_size)
_setup_images = cache(shapes.setup_images)
_setup_addresses = cache(shapes.setup_addresses)
_setup_pairs = cache(windowing.setup_pairs)


def resized(
    images: DataNode, size: tuple[int, int] | DataNode, interpolation: str, flipped: DataNode | None
) -> DataNode:
    """(h, w, 3) uint8 HWC images from (H, W, 3) uint8: Pillow's Image.resize, rounded once, then flips. Of bilinear
    photographs 0.3% of the numbers are one level off the rounded exact ones, see `resizing.resize`.

    Args:
        size: (h, w), or a node of (2,) numbers if it changes with the batch or the row. In a branch of a graph only a
            node: constants would have the whole batch's rows.
        interpolation: "bilinear", "bicubic" or "lanczos".
        flipped: () int32, of a sample 1 if it is flipped left to right, plus 2 if upside down; None: none is.
    """
    if flipped is None:
        flipped = _zero_of(size) if isinstance(size, DataNode) else types.Constant(np.int32(0), device="cpu")
    node = _node(
        _resize_entry(interpolation),
        _setup_size(),
        [(images, UINT8, 3), (_sized(size), UINT8, 3), (flipped, INT32, 0)],
        UINT8,
        3,
    )
    return fn.reshape(node, layout="HWC")


def resized_window(
    images: DataNode,
    size: tuple[int, int] | DataNode,
    interpolation: str,
    whole: DataNode,
    start: DataNode,
    flipped: DataNode | None,
) -> DataNode:
    """(h, w, 3) uint8 HWC: what `resized` would give of the window alone, at the cost of the window. What it covers
    outside the resized image is reflected.

    Args:
        size, flipped: as of `resized`, of the window.
        whole: (2,) int64, height and width of the resized image.
        start: (2,) int64, y and x of the window in it.
    """
    turned = fn.reshape(_zero_of(start) if flipped is None else flipped, shape=[1])
    window = fn.cat(whole, start, fn.cast(turned, dtype=INT64))
    node = _node(
        _window_entry(interpolation),
        _setup_size(),
        [(images, UINT8, 3), (_sized(size), UINT8, 3), (window, INT64, 1)],
        UINT8,
        3,
    )
    return fn.reshape(node, layout="HWC")


def resized_centre(images: DataNode, size: tuple[int, int], interpolation: str, shorter: int) -> DataNode:
    """(h, w, 3) uint8 HWC: the centre of what `resized` gives of an image with a shorter side of `shorter` pixels, at
    least the larger of `size`; at the cost of the centre."""
    side = types.Constant(np.int32(shorter), device="cpu")  # DALI makes int32 of int64
    inputs = [(images, UINT8, 3), (_sized(size), UINT8, 3), (side, INT32, 0)]
    node = _node(_centre_entry(interpolation), _setup_size(), inputs, UINT8, 3)
    return fn.reshape(node, layout="HWC")


def normalised(images: DataNode, coefficients: DataNode, dtype: Any, layout: str) -> DataNode:
    """coefficients[0] * images + coefficients[1], in one pass.

    Args:
        images: (H, W, 3) uint8 HWC.
        coefficients: (2, 3) float32, one number per channel.
        dtype: a key of `WRITTEN`.
        layout: of the result, "CHW" or "HWC".
    """
    planes = layout == "CHW"
    inputs = [(coefficients, FLOAT, 2), (images, UINT8, 3)]
    return _images(_normalise_entry(planes, int(WRITTEN[dtype])), inputs, dtype, layout)


def finished(
    images: DataNode,
    rows: DataNode,
    masks: DataNode,
    coefficients: DataNode,
    steps: DataNode,
    dtype: Any,
    layout: str,
) -> DataNode:
    """Mixed and normalised images in one pass; partners' images and masks are read where they are.

    Args:
        images: (H, W, 3) uint8 HWC, all rows of one size.
        rows: (k,) int32, the rows of `images` that are mixed in, and the row of `masks` that has the mask.
        masks: (bytes,) uint8, of the form that `steps` says.
        coefficients, steps: see `finishing.finish_entry`.
        dtype: a key of `WRITTEN`.
        layout: of the result, "CHW" or "HWC".
    """
    planes = layout == "CHW"
    addresses = _node(
        _addresses_entry(),
        _setup_addresses(),
        [(rows, INT32, 1), (images, UINT8, 3), (masks, UINT8, 1)],
        INT64,
        1,
        whole_batch=True,
    )
    inputs = [
        (coefficients, FLOAT, 2),
        (images, UINT8, 3),
        (addresses, INT64, 1),
        (steps, INT32, 2),
        (masks, UINT8, 1),  # not read as an input: while it is one, DALI keeps what the addresses are of
    ]
    return _images(_finish_entry(planes, int(WRITTEN[dtype])), inputs, dtype, layout)


def operated(
    images: DataNode,
    kernels: DataNode,
    canvas: DataNode,
    amounts: DataNode,
    affines: DataNode,
    colours: DataNode,
) -> DataNode:
    """(H, W, 3) uint8 HWC images after several operations; arguments as of `operating.operated`."""
    inputs = [
        (images, UINT8, 3),
        (kernels, INT32, 1),
        (canvas, INT32, 0),
        (amounts, FLOAT, 1),
        (affines, FLOAT, 3),
        (colours, FLOAT, 3),
    ]
    return fn.reshape(_node(_operate_entry(), _setup_same(), inputs, UINT8, 3), layout="HWC")


def noisy(
    images: DataNode, start: DataNode, shape: DataNode, key: DataNode, normalising: DataNode
) -> DataNode:
    """(H, W, 3) uint8 HWC images, each with a rectangle of noise; arguments as of `noise.noise_entry`."""
    inputs = [
        (images, UINT8, 3),
        (start, INT32, 1),
        (shape, INT32, 1),
        (key, INT32, 1),
        (normalising, FLOAT, 2),
    ]
    return fn.reshape(_node(_noise_entry(), _setup_same(), inputs, UINT8, 3), layout="HWC")


def random_window(chances: DataNode, shape: DataNode, numbers: np.ndarray) -> tuple[DataNode, DataNode]:
    """(start, shape), each (y, x), (2,) int32, of the window of torchvision's RandomResizedCrop.

    Args:
        chances: (2 attempts + 2,) float64, see `windowing.random_window`.
        shape: (2,) int64, height and width of the image, or more numbers.
        numbers: (6,) float64, the bounds that `windowing.random_window` takes.
    """
    bits = types.Constant(numbers.view(np.int32), device="cpu")  # DALI makes float32 of float64
    operator = CompiledFunction(
        run_fn=_random_window_entry(),
        setup_fn=_setup_pairs(),
        out_types=[INT32, INT32],
        in_types=[FLOAT64, INT64, INT32],
        outs_ndim=[1, 1],
        ins_ndim=[1, 1, 1],
        batch_processing=False,
    )
    start, size = operator(chances, shape, bits)
    return start, size


def _sized(size: tuple[int, int] | DataNode) -> DataNode:
    """DALI sets sizes from the inputs' shapes alone, so a size comes as the shape of an array without elements."""
    if isinstance(size, DataNode):
        return fn.zeros(shape=fn.pad(fn.cast(size, dtype=INT32), shape=[3], fill_value=0), dtype=UINT8)
    return fn.zeros(shape=[*size, 0], dtype=UINT8)


def _zero_of(numbers: DataNode) -> DataNode:
    """() int32, 0 for each row of a node of numbers; constants would have the whole batch's rows."""
    first = fn.slice(fn.cast(numbers, dtype=INT32), start=[0], shape=[1], axes=[0])
    return fn.reshape(first * 0, shape=[])


def _images(run: Any, inputs: list[tuple[DataNode, Any, int]], dtype: Any, layout: str) -> DataNode:
    """The operator whose `run` writes images."""
    # DALI's class refuses float16.
    node = _node(run, _setup_images(layout == "CHW"), inputs, FLOAT if dtype == FLOAT else UINT16, 3)
    return fn.reinterpret(node, dtype=dtype, layout=layout)


def _node(
    run: Any,
    setup: Any,
    inputs: list[tuple[DataNode, Any, int]],
    made: Any,
    dimensions: int,
    whole_batch: bool = False,
) -> DataNode:
    """The operator that calls `run`; its inputs as (node, type, dimensions)."""
    operator = CompiledFunction(
        run_fn=run,
        setup_fn=setup,
        out_types=[made],
        in_types=[dtype for _, dtype, _ in inputs],
        outs_ndim=[dimensions],
        ins_ndim=[count for _, _, count in inputs],
        batch_processing=whole_batch,
    )
    return operator(*(node for node, _, _ in inputs))
