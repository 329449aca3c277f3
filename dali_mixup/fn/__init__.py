"""Mixing inside your own DALI pipeline: `mix(images, labels, policy, ...)` on DataNodes."""

from __future__ import annotations

import dali_mixup._graph.installed  # noqa: F401

# isort: split
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode
from nvidia.dali.pipeline import do_not_convert

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.labels import compact, dense_classes, dense_vectors
from dali_mixup._graph.options import Output
from dali_mixup._graph.pixels import mixed_and_normalised
from dali_mixup._graph.planned import Address, planned
from dali_mixup._graph.segmentation import mixed_maps
from dali_mixup.fn.arguments import Arguments
from dali_mixup.methods import Method

__all__ = ["PlanNodes", "mix"]


class PlanNodes(NamedTuple):
    """The decisions for a batch as nodes on the CPU, one entry per row.

    Attributes:
        partners: (k,) int32, the rows that are mixed, the own one first; k is the policy's `columns`.
        weights: (k,) float32, their label weights, which sum to 1.
        boxes: (4,) int32 y0, x0, y1, x1 of the pasted box, end exclusive; zeros where nothing was pasted.
    """

    partners: DataNode
    weights: DataNode
    boxes: DataNode


@do_not_convert  # nothing here depends on pixels, so autograph has nothing to convert
def mix(
    images: DataNode,
    labels: DataNode,
    policy: MixPolicy | Method | Sequence[Method],
    *,
    image_size: int | tuple[int, int] | None = None,
    num_classes: int | None = None,
    seed: int = 0,
    rank: int = 0,
    steps_per_epoch: int | None = None,
    output: Output | None = None,
    layout: str | None = None,
    half_images: bool = False,
    targets: Literal["dense", "compact"] = "dense",
    segmentation: DataNode | None = None,
    return_plan: bool = False,
) -> tuple[Any, ...]:
    """Mix a batch by a policy and normalise it, on the device of its images.

    Call it in a `pipeline_def` function, with or without `enable_conditionals`, outside any `if`. The decisions are
    `policy.plan` of (rows, seed, rank, epoch, step, labels), so the same seed decides the same on CPU and GPU; a
    checkpoint of the pipeline restores them. Batches may be smaller than the pipeline's batch size. Every row of the
    batch is a mixing partner, so have the reader's last batch dropped, or wrapped, not padded with copies and kept; the
    loaders of this package know the real rows.

    Passes over the full batch, P per pass over uint8 pixels, F over float32 (four times the bytes):
    CutMix rows: 1 P (paste) + 1 F (normalise). MixUp rows: 1 P (gather the partner) + 2 F (partner times its ratio,
    plus own) + 1 F (normalise, which includes the own weight). Rows left alone: 1 F, or as CutMix if the policy has it.
    Mixing after normalising would be 1 F + 1 F (gather) + 3 F. CHW images add 1, half images 1.

    Args:
        images: rows of any meaning, all of one shape and one type: uint8, int16 or float32; int32 too with methods that
            do not resize, uint16 with those that neither paste nor resize; float16 with half_images=True.
        labels: class ids () or (1,) of an integer type on the CPU, as DALI's readers give them; with
            num_classes=None float vectors (C,): multi-hot or regression targets.
        policy: a `MixPolicy`, or one or more methods, chosen with equal odds.
        image_size: the extents of H and W, one number or (height, width). None: methods that blend whole rows, such as
            MixUp, mix rows of any size.
        num_classes: > 0 for class ids; None: the policy's; if that is None too, the labels are float vectors.
        seed, rank: each rank passes its own rank, and all the same seed.
        steps_per_epoch: >= 1, batches that the pipeline runs per epoch, one that is dropped included; needed if the
            policy has a schedule. Behind DALI's iterator with LastBatchPolicy.DROP it is ceil(N / batch size), if the
            reader of N samples has pad_last_batch=True; without padding the number differs from epoch to epoch.
        output: mean, std and dtype of the returned images ("uint8" rounds MixUp), and whether C comes last or first of
            all axes; None: not normalised, float32, in `layout`.
        layout: a letter for each axis of a row. H and W are the axes of a box and C the channels, which `output` may
            normalise one by one; other axes share every decision. "HWC" or "CHW" for images, "FHWC" for video, "DHW" or
            "CDHW" for volumes, "HW" for spectrograms, "W" (with a height of 1) or "WC" for sound. None: "HWC" with an
            image_size, and otherwise rows of any shape, without channels.
        half_images: the images are float16. DALI's paste takes none, so they become float32 first.
        targets: "dense" or "compact".
        segmentation: (H, W), (H, W, 1) or, of CHW images, (1, H, W) class ids per pixel of HWC or CHW images, uint8,
            int16 or, with methods that do not resize, int32, on the images' device, to be mixed alike; only with
            methods that copy pixels (CutMix, ResizeMix, RICAP, FMix, ...).
        return_plan: return the decisions too.

    Returns:
        (images, targets): images as `output` says; dense targets (num_classes,) or (C,) float32, on the
        images' device, or compact ones as the pair (labels (k,) int64, weights (k,) float32), on the CPU. With
        segmentation the maps (H, W, 1) come next, with return_plan `PlanNodes` come last.

    Raises:
        TypeError, ValueError: arguments outside the above, when the graph is built; rows or maps of another size,
            shape, layout or type, labels of another form or outside [0, num_classes), when the batch runs (as DALI's
            RuntimeError; types on a GPU by DALI's operators, in their words).
    """
    asked = Arguments.checked(
        images=images,
        labels=labels,
        policy=policy,
        image_size=image_size,
        num_classes=num_classes,
        seed=seed,
        rank=rank,
        steps_per_epoch=steps_per_epoch,
        output=output,
        layout=layout,
        half_images=half_images,
        targets=targets,
        segmentation=segmentation,
        return_plan=return_plan,
    )
    axes, feed = asked.layout, asked.feed
    address = Address(seed, rank, steps_per_epoch)
    extra = ("partners", "boxes") if return_plan else ()
    labels, nodes = planned(
        images, labels, segmentation, feed, axes, address, asked.num_classes, half_images, extra
    )

    rows = fn.reshape(images, shape=nodes["given_shape"], layout=axes.given or "")
    if half_images:
        rows = fn.cast(rows, dtype=types.DALIDataType.FLOAT)
    if axes.permutation:
        rows = fn.transpose(rows, perm=axes.permutation)
    shape = {} if axes.images else {"shape": nodes["frames"]}
    rows = fn.reshape(rows, layout=axes.worked, **shape)
    rows = mixed_and_normalised(rows, feed, nodes, asked.dtype, axes.normalised)
    if not axes.images:
        rows = fn.reshape(rows, shape=nodes["made"], layout=axes.made or "")

    soft = _targets(labels, feed.policy, asked.num_classes, targets, nodes)
    if rows.device == "gpu" and targets == "dense":
        soft = soft.gpu()
    maps = () if segmentation is None else (mixed_maps(segmentation, feed, nodes),)
    plan = (PlanNodes(nodes["partners"], nodes["weights"], nodes["boxes"]),) if return_plan else ()
    return (rows, soft, *maps, *plan)


def _targets(
    labels: DataNode, policy: MixPolicy, num_classes: int | None, form: str, nodes: Mapping[str, DataNode]
) -> Any:
    k, union = policy.columns, policy.label_mixing == "union"
    if num_classes is None:
        return dense_vectors(labels, k, nodes, union)
    ids = compact(labels, k, nodes, union)
    if form == "compact":
        return ids, nodes["weights"]
    return dense_classes(ids, num_classes, k, nodes["weights"], policy.label_smoothing, union)
