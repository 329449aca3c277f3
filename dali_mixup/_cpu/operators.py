"""The compiled kernels as nodes of a graph on the CPU backend."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._cpu import kernels
from dali_mixup._cpu.abi import CompiledFunction

UINT8, INT32, FLOAT = types.DALIDataType.UINT8, types.DALIDataType.INT32, types.DALIDataType.FLOAT

# Kept as long as the process lives: DALI holds only their addresses.
_resize_entry = cache(kernels.resize_entry)
_normalise_entry = cache(kernels.normalise_entry)
_setup = cache(kernels.setup)


def resized(
    images: DataNode, size: tuple[int, int] | DataNode, interpolation: str, flipped: DataNode | None
) -> DataNode:
    """(h, w, 3) uint8 HWC images from (H, W, 3) uint8: Pillow's Image.resize, exactly rounded, then a flip left to
    right.

    Args:
        size: (h, w), or a node of (2,) numbers if it changes with the batch.
        interpolation: "bilinear", "bicubic" or "lanczos".
        flipped: () int32, not 0 where a sample is flipped; None: none is.
    """
    if isinstance(size, DataNode):
        shape = fn.cat(fn.cast(size, dtype=INT32), types.Constant(np.zeros(1, np.int32), device="cpu"))
    else:
        shape = [*size, 0]
    # DALI sets sizes from the inputs' shapes alone, so the size comes as the shape of an array without elements.
    carrier = fn.zeros(shape=shape, dtype=UINT8)
    return _node(
        _resize_entry(interpolation),
        _setup(False),
        [images, carrier, types.Constant(np.int32(0), device="cpu") if flipped is None else flipped],
        [UINT8, UINT8, INT32],
        [3, 3, 0],
        UINT8,
        "HWC",
    )


def normalised(images: Sequence[DataNode], coefficients: DataNode, dtype: Any, layout: str) -> DataNode:
    """sum_j coefficients[j] * images[j] + coefficients[-1], in one pass: mixed and normalised.

    Args:
        images: 1 to `cpu.MOST_IMAGES` nodes, (H, W, 3) uint8 HWC, of one size.
        coefficients: (images + 1, 3) float32, one number per channel.
        dtype: FLOAT or FLOAT16.
        layout: of the result, "CHW" or "HWC".
    """
    planes = layout == "CHW"
    node = _node(
        _normalise_entry(planes),
        _setup(planes),
        [coefficients, *images],
        [FLOAT, *[UINT8] * len(images)],
        [2, *[3] * len(images)],
        FLOAT,
        layout,
    )
    return node if dtype == FLOAT else fn.cast(node, dtype=dtype)


def _node(
    run: Any,
    setup: Any,
    inputs: list[DataNode],
    types_in: list[Any],
    ndims: list[int],
    type_out: Any,
    layout: str,
) -> DataNode:
    operator = CompiledFunction(
        run_fn=run,
        setup_fn=setup,
        out_types=[type_out],
        in_types=types_in,
        outs_ndim=[3],
        ins_ndim=ndims,
    )
    return fn.reshape(operator(*inputs), layout=layout)
