"""Mixing in DALI's dynamic mode: `mix(images, labels, plan, ...)` on batches of `nvidia.dali.experimental.dynamic`."""

from __future__ import annotations

import dali_mixup.dynamic.installed  # noqa: F401

# isort: split
import logging
from functools import cache
from typing import Any, Literal

import numpy as np
from nvidia.dali.experimental import dynamic as ndd

from dali_mixup._checks import class_count
from dali_mixup._decide.plan import MixPlan
from dali_mixup._graph.feed import channels
from dali_mixup._graph.options import Output
from dali_mixup._graph.pixel_kind import USUAL
from dali_mixup._graph.pixel_scale import misfit
from dali_mixup._graph.returned import check_output, check_targets
from dali_mixup.dynamic.inputs import as_images, checked_labels, refuse_misfit
from dali_mixup.dynamic.pixels import fed, mixed_and_normalised

__all__ = ["mix"]

log = logging.getLogger("dali_mixup")

DTYPES = {"float32": ndd.float32, "float16": ndd.float16, "uint8": ndd.uint8}


def mix(
    images: Any,
    labels: Any,
    plan: MixPlan,
    *,
    num_classes: int | None = None,
    output: Output | None = None,
    targets: Literal["dense", "compact"] = "dense",
) -> tuple[Any, Any]:
    """Mix a batch as planned and normalise it, on the device of its images; the same plan gives the same images as
    `fn.mix` in a pipeline.

    Args:
        images: a `Batch` of (H, W, C) or, with the layout "CHW", (C, H, W); uint8, float32 or float16; all of one size,
            which is the plan's. Or whatever `as_batch` makes one of, such as an array (N, H, W, C).
        labels: a `Batch` on the CPU, or an array: class ids () or (1,) of an integer type, as DALI's readers give them;
            with num_classes=None float vectors (C,): multi-hot or regression targets. A batch that is not computed yet
            is waited for.
        plan: from `MixPolicy.plan` for the rows, height and width of the batch.
        num_classes: > 0 for class ids; None: the labels are float vectors.
        output: mean, std and dtype of the returned images ("uint8" rounds MixUp), and whether they are (H, W, C) or
            (C, H, W); None: not normalised, float32, in the layout of `images`.
        targets: "dense" or "compact".

    Returns:
        (images, targets), batches: images as `output` says; dense targets (num_classes,) or (C,) float32, on the
        images' device, with the policy's label smoothing; or compact ones as the pair (labels (k,) int64, weights (k,)
        float32), on the CPU.

    Raises:
        TypeError, ValueError: arguments outside the above; a plan for another number of rows or another size; labels
            outside [0, num_classes).
    """
    check_output("mix", output)
    if num_classes is not None:
        class_count("mix", num_classes)
    mean, std = channels("mix", 0.0, 1.0) if output is None else channels("mix", output.mean, output.std)
    batch, layout, shape = as_images(images)
    refuse_misfit(plan, batch.batch_size, shape, len(mean))
    check_targets("mix", targets, num_classes, plan.label_mixing, plan.label_smoothing)
    ids = checked_labels(labels, batch.batch_size, num_classes)
    made = _targets(ids, plan, num_classes, targets, batch.device)
    if output is not None:
        layout = "HWC" if output.channels_last else "CHW"
        if batch.dtype == ndd.uint8:
            _warn_of_scale(mean, std)
    if batch.layout == "CHW":
        batch = ndd.transpose(batch, perm=[1, 2, 0])
    if batch.dtype == ndd.float16:  # DALI's paste takes none
        batch = ndd.cast(batch, dtype=ndd.float32)
    dtype = DTYPES["float32" if output is None else output.dtype]
    return mixed_and_normalised(batch, plan, mean, std, dtype, layout), made


def _targets(labels: np.ndarray, plan: MixPlan, num_classes: int | None, form: str, device: Any) -> Any:
    if form == "dense":
        return fed(np.asarray(plan.targets(labels, num_classes), np.float32), device)
    # A copy, because what is written into the targets would be written into the plan.
    return fed(labels[plan.partners].astype(np.int64)), fed(plan.weights.copy())


@cache
def _warn_of_scale(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    if reason := misfit(mean, std, USUAL.bits):
        log.warning("mix: output has mean=%s and std=%s, %s", mean, std, reason)
