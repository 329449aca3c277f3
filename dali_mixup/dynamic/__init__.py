"""Mixing in DALI's dynamic mode: `mix(images, labels, plan, ...)` on batches of `nvidia.dali.experimental.dynamic`."""

from __future__ import annotations

import dali_mixup.dynamic.installed  # noqa: F401

# isort: split
import logging
from functools import cache
from typing import Any, Literal

import numpy as np
from nvidia.dali.experimental import dynamic as ndd

from dali_mixup._checks import choice, instance, integer
from dali_mixup._decide.combinations import refuse_compact
from dali_mixup._decide.plan import MixPlan
from dali_mixup._graph.feed import channels
from dali_mixup._graph.options import Output
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
    instance("mix", "output", output, Output)
    choice("mix", "targets", targets, ("dense", "compact"))
    if num_classes is not None:
        integer("mix", "num_classes", num_classes, at_least=1)
    if output is not None and output.dtype not in DTYPES:
        raise ValueError(
            f"mix: output has dtype={output.dtype!r}, expected one of {', '.join(map(repr, DTYPES))}"
        )
    mean, std = channels("mix", 0.0, 1.0) if output is None else channels("mix", output.mean, output.std)
    batch, layout, shape = as_images(images)
    refuse_misfit(plan, batch.batch_size, shape, len(mean))
    ids = checked_labels(labels, batch.batch_size, num_classes)
    made = _targets(ids, plan, num_classes, targets, batch.device)
    if output is not None:
        layout = "HWC" if output.channels_last else "CHW"
        if output.on_unit_scale and batch.dtype == ndd.uint8:
            _warn_of_scale(output.mean, output.std)
    if batch.layout == "CHW":
        batch = ndd.transpose(batch, perm=[1, 2, 0])
    if batch.dtype == ndd.float16:  # DALI's paste takes none
        batch = ndd.cast(batch, dtype=ndd.float32)
    dtype = DTYPES["float32" if output is None else output.dtype]
    return mixed_and_normalised(batch, plan, mean, std, dtype, layout), made


def _targets(labels: np.ndarray, plan: MixPlan, num_classes: int | None, form: str, device: Any) -> Any:
    refuse_compact("mix", plan.label_mixing, form)
    if form == "dense":
        return fed(np.asarray(plan.targets(labels, num_classes), np.float32), device)
    if num_classes is None:
        raise ValueError(
            "mix: targets='compact' consists of class ids; give num_classes, or targets='dense' for float vectors"
        )
    if plan.label_smoothing:
        raise ValueError(
            f"mix: the plan's policy has label_smoothing={plan.label_smoothing:g}, but compact targets hold no "
            "smoothing; use label_smoothing=0 and smooth in the loss, or targets='dense'"
        )
    return fed(labels[plan.partners].astype(np.int64)), fed(plan.weights)


@cache
def _warn_of_scale(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    log.warning(
        "mix: mean=%s and std=%s are for images in 0..1; for uint8 images give 255 times as much", mean, std
    )
