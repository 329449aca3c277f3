"""Checks of a batch and its plan. The operators would not notice most faults: boxes would lie outside the images, a
grey image would be added to each channel of a coloured one."""

from __future__ import annotations

from typing import Any

import numpy as np
from nvidia.dali.experimental import dynamic as ndd

from dali_mixup._apply.validity import refuse_invalid
from dali_mixup._decide.plan import MixPlan
from dali_mixup._graph.inputs import refuse_ids_outside

Batch = Any  # of dynamic mode: DALI has no types

DTYPES = (ndd.uint8, ndd.float32, ndd.float16)


def as_images(images: Any) -> tuple[Batch, str, tuple[int, int, int]]:
    """(the batch, computed, its layout, "HWC" or "CHW", its (height, width, channels)), if it is of images of one size
    and of a type that can be mixed."""
    batch = _batch("images", images)
    layout = batch.layout or "HWC"
    if batch.batch_size == 0 or batch.ndim != 3 or layout not in ("HWC", "CHW"):
        raise ValueError(
            f"mix: {batch.batch_size} images of {batch.ndim} dimensions with the layout {batch.layout!r}; expected at "
            "least 1, of 3 dimensions, HWC or CHW"
        )
    if batch.dtype not in DTYPES:
        raise TypeError(
            f"mix: images of type {batch.dtype}, expected uint8, float32 or float16; "
            "ndd.cast(images, dtype=ndd.float32) converts them"
        )
    if batch.layout is None:
        batch = ndd.reshape(batch, layout=layout)
    batch = batch.evaluate()
    shapes = sorted(set(batch.shape))
    if len(shapes) > 1:
        raise ValueError(
            f"mix: images of the shapes {', '.join(map(str, shapes[:3]))} in one batch; crop or resize them to one "
            "size, and decode them to the same number of channels"
        )
    height, width, count = (shapes[0][layout.index(axis)] for axis in "HWC")
    return batch, layout, (height, width, count)


def refuse_misfit(plan: Any, rows: int, shape: tuple[int, int, int], means: int) -> None:
    """Raise TypeError or ValueError unless the plan and the normalisation fit the batch.

    Args:
        shape: (height, width, channels) of the images.
        means: number of means; 1 is for any number of channels.
    """
    if not isinstance(plan, MixPlan):
        raise TypeError(
            f"mix: plan={plan!r:.200}, expected a MixPlan; MixPolicy.plan(rows, height, width, seed=, epoch=, step=) "
            "makes one for each batch"
        )
    if rows != len(plan):
        raise ValueError(
            f"mix: {rows} images, but the plan is for {len(plan)} rows; plan for the rows that the batch has"
        )
    height, width, count = shape
    if plan.size is not None and plan.size != (height, width):
        raise ValueError(
            f"mix: images of {height} x {width} pixels with {count} channels, but the plan is for {plan.size[0]} x "
            f"{plan.size[1]} pixels; plan for the size that they have"
        )
    if means not in (1, count):
        raise ValueError(
            f"mix: images of {count} channels, but output has {means} means and deviations; give one for each channel, "
            "or one for all"
        )
    if (plan.partners >= rows).any():
        raise ValueError(
            "mix: the plan has partners beyond the rows of the batch, as Neighbours and Pool give, which only the "
            "loaders read; expected partners of the batch, such as 'permutation'"
        )
    refuse_invalid(plan, height, width, rows)


def checked_labels(labels: Any, rows: int, num_classes: int | None) -> np.ndarray:
    """(N,) class ids, or (N, C) vectors if num_classes is None; their batch is waited for."""
    batch = _batch("labels", labels)
    if batch.device.device_type == "gpu":
        raise ValueError(
            "mix: labels are on the GPU; pass the reader's CPU labels; the targets are returned on the images' device"
        )
    shapes = sorted(set(batch.shape))
    if batch.batch_size != rows or len(shapes) > 1:
        raise ValueError(
            f"mix: {batch.batch_size} labels of the shapes {shapes}; expected one for each of {rows} images, all of "
            "one shape"
        )
    shape, dtype = shapes[0], batch.dtype
    values = np.asarray(ndd.as_tensor(batch))
    if num_classes is None:
        if len(shape) != 1 or (values.dtype.kind in "iu" and shape == (1,)):
            raise ValueError(
                f"mix: labels of shape {shape} and type {dtype} without num_classes; expected one vector (C,) per "
                "image, or num_classes for class ids"
            )
        return values
    if shape not in ((), (1,)) or values.dtype.kind not in "iu":
        raise ValueError(
            f"mix: labels of shape {shape} and type {dtype} with num_classes={num_classes}; expected one integer class "
            "id per image (for one-hot, multi-hot or regression vectors leave num_classes out)"
        )
    ids = values.reshape(-1)
    refuse_ids_outside(ids, num_classes, "mix: ")
    return ids


def _batch(name: str, given: Any) -> Batch:
    if isinstance(given, ndd.Batch):
        return given
    several = isinstance(given, (list, tuple)) and len(given) > 0
    arrays = list(given) if several else [given]
    if not all(hasattr(array, "__array__") or hasattr(array, "__dlpack__") for array in arrays):
        raise TypeError(
            f"mix: {name} is a {type(given).__name__}, expected a Batch of nvidia.dali.experimental.dynamic, or an "
            "array or a list of arrays that its as_batch makes one of"
        )
    packed = [_contiguous(array) for array in arrays]
    return ndd.as_batch(packed if several else packed[0])


def _contiguous(array: Any) -> Any:
    """DALI refuses strided data."""
    if isinstance(array, np.ndarray):
        return np.ascontiguousarray(array)
    return array.contiguous() if hasattr(array, "contiguous") else array  # torch's
