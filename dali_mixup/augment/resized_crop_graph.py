"""The windows of torchvision's RandomResizedCrop as operators; `resized_crop` has the law."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.decode import Stored
from dali_mixup.augment.resized_crop import ATTEMPTS, CHANCES, bounds

INT32 = types.DALIDataType.INT32
FLOAT = types.DALIDataType.FLOAT
DOUBLE = types.DALIDataType.FLOAT64

_WHOLE = float(2**52)
"""Added to a smaller float64 and taken away again, it leaves a whole number, rounded as Python rounds; `fn.cast` would
round halves up."""
_MIDDLE = 0.5 - 2.0**-24
"""The chance that leads to the centre, rounded down."""


def random_window(
    stored: Stored, scale: tuple[float, float], ratio: tuple[float, float], seed: int
) -> tuple[DataNode, DataNode]:
    """(start, shape), each (y, x), (2,) int32, of a random window of the stored image, to be resized.

    `fn.random_crop_generator` has another law: it refuses windows whose rounded sides have a ratio outside the range,
    which with a range of one ratio are nearly all. `fn.random_resized_crop` has that law too, and not torchvision's
    pixels: its filter also reads pixels outside the window.

    Args:
        scale, ratio: as of `resized_crop.resized_crop`.
    """
    chances = fn.random.uniform(range=[0.0, 1.0], shape=[CHANCES], dtype=DOUBLE, seed=seed)
    if stored.backend.compiled:
        from dali_mixup._cpu.operators import random_window as compiled_window

        shape = stored.shape if stored.extents is None else stored.extents
        return compiled_window(chances, shape, bounds(scale, ratio))
    return window_of(chances, stored.shape, bounds(scale, ratio))


def window_of(chances: DataNode, shape: DataNode, numbers: np.ndarray) -> tuple[DataNode, DataNode]:
    """As `random_window`, of the (CHANCES,) float64 numbers that decide.

    Each operator takes 0.2 to 1 microseconds per image, so all attempts are one array, the largest window its first
    column.

    Args:
        shape: (2,) int64, height and width of the stored image.
        numbers: as of `resized_crop.bounds`.
    """
    least, width, log_least, log_width, narrowest, widest = numbers.tolist()
    whole = shape[0] * shape[1]
    area = (chances[:ATTEMPTS] * width + least) * whole
    aspect = fn.cast(math.exp(chances[ATTEMPTS:-2] * log_width + log_least), dtype=FLOAT)
    tried = math.sqrt(fn.stack(area / aspect, area * aspect))
    largest = whole // shape / _doubles([narrowest, 1.0]) * _doubles([1.0, widest])
    sizes = fn.cat(fn.reshape(largest, shape=[2, 1]), tried, axis=1) + _WHOLE - _WHOLE
    inside = math.clamp(sizes, 1, fn.reshape(shape, shape=[2, 1]))
    # A column where both sides fit is worth its place counted from the end, -ATTEMPTS for the first attempt; another
    # one, as the largest window, 0. So the least is the index of the column to take.
    places = np.array([[0, *range(-ATTEMPTS, 0)]] * 2, np.int32)
    fitting = (sizes == inside) * types.Constant(places, device="cpu")
    chosen = fn.reductions.min(fn.reductions.max(fitting, axes=[0]))
    size = inside[:, chosen]
    # Between limits that leave no other chance than the middle if `chosen` is 0, and every chance if it is below.
    chance = math.clamp(chances[-2:], chosen + _MIDDLE, _MIDDLE - chosen)
    start = math.floor(chance * (shape + 1 - size))
    return fn.cast(start, dtype=INT32), fn.cast(size, dtype=INT32)


def _doubles(numbers: Sequence[float]) -> DataNode:
    """(n,) float64. A constant of them would be float32, and so would numbers in an expression."""
    bits = np.array(numbers, np.float64).view(np.int32)
    return fn.reinterpret(types.Constant(bits, device="cpu"), dtype=DOUBLE)
