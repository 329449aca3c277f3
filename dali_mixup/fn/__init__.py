"""Mixing inside your own DALI pipeline: `mix(images, labels, policy, ...)` on DataNodes."""

from __future__ import annotations

import dali_mixup._graph.installed  # noqa: F401

# isort: split
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode
from nvidia.dali.pipeline import Pipeline, do_not_convert

from dali_mixup._checks import boolean, choice, instance, integer, pair
from dali_mixup._decide.policy import MixPolicy, as_policy
from dali_mixup._graph.feed import PlanFeed, channels
from dali_mixup._graph.inputs import checked
from dali_mixup._graph.labels import compact, dense_classes, dense_vectors
from dali_mixup._graph.options import Output
from dali_mixup._graph.pixels import mixed_and_normalised
from dali_mixup._graph.segmentation import mixed_maps, refuse_averaging
from dali_mixup._repr import short
from dali_mixup.methods import Method

__all__ = ["mix"]

log = logging.getLogger("dali_mixup")

DTYPES = {
    "float32": types.DALIDataType.FLOAT,
    "float16": types.DALIDataType.FLOAT16,
    "uint8": types.DALIDataType.UINT8,
}


@do_not_convert  # nothing here depends on pixels, so autograph has nothing to convert
def mix(
    images: DataNode,
    labels: DataNode,
    policy: MixPolicy | Method | Sequence[Method],
    *,
    image_size: int | tuple[int, int],
    num_classes: int | None = None,
    seed: int = 0,
    rank: int = 0,
    steps_per_epoch: int | None = None,
    output: Output | None = None,
    layout: Literal["HWC", "CHW"] = "HWC",
    half_images: bool = False,
    targets: Literal["dense", "compact"] = "dense",
    segmentation: DataNode | None = None,
) -> tuple[Any, ...]:
    """Mix a batch by a policy and normalise it, on the device of its images.

    Call it in a `pipeline_def` function, with or without `enable_conditionals`, outside any `if`. The decisions are
    `policy.plan` of (seed, rank, epoch, step), so the same seed decides the same on CPU and GPU; a checkpoint of the
    pipeline restores them. Every row of the batch is a mixing partner, so have the reader's last batch dropped or
    wrapped rather than padded with copies; the loaders of this package know the real rows.

    Passes over the full batch, P per pass over uint8 pixels, F over float32 (four times the bytes):
    CutMix rows: 1 P (paste) + 1 F (normalise). MixUp rows: 1 P (gather the partner) + 2 F (partner times its ratio,
    plus own) + 1 F (normalise, which includes the own weight). Rows left alone: 1 F, or as CutMix if the policy has it.
    Mixing after normalising would be 1 F + 1 F (gather) + 3 F. CHW images add 1, half images 1.

    Args:
        images: (H, W, C) or (C, H, W) by `layout`, uint8 or float32, or float16 with half_images=True; all of one size.
        labels: class ids () or (1,) of an integer type on the CPU, as DALI's readers give them; with
            num_classes=None float vectors (C,): multi-hot or regression targets.
        policy: a `MixPolicy`, or one or more methods, chosen with equal odds.
        image_size: size of the images in pixels, one number or (height, width).
        num_classes: > 0 for class ids; None: the policy's; if that is None too, the labels are float vectors.
        seed, rank: each rank passes its own rank, and all the same seed.
        steps_per_epoch: batches per epoch; needed if the policy has a schedule. Without it the epoch is DALI's,
            which advances only on a reset of the pipeline.
        output: mean, std and dtype of the returned images ("uint8" rounds MixUp), and whether they are (H, W, C) or
            (C, H, W); None: not normalised, float32, in `layout`.
        half_images: the images are float16. DALI's paste takes none, so they become float32 first.
        targets: "dense" or "compact".
        segmentation: (H, W) or (H, W, 1) class ids per pixel, uint8, int16 or (not ResizeMix) int32, on the images'
            device, to be mixed alike; only with methods that paste (CutMix, ResizeMix, RICAP, Mosaic).

    Returns:
        (images, targets): images as `output` says; dense targets (num_classes,) or (C,) float32, on the
        images' device, or compact ones as the pair (labels (k,) int64, weights (k,) float32), on the CPU. With
        segmentation (images, targets, maps (H, W, 1)).

    Raises:
        TypeError, ValueError: arguments outside the above, when the graph is built; images of another size or layout,
            labels of another form or outside [0, num_classes), when the batch runs (as DALI's RuntimeError).
    """
    mixing = as_policy("mix", policy)
    if mixing is None:
        raise TypeError("mix: policy=None, expected a MixPolicy (this function is for mixing only)")
    if mixing.rule.beyond_batch:
        raise ValueError(
            f"mix: partners={mixing.partners!r} are read in addition to the batch, which only the loaders do; expected "
            "partners of the batch, such as 'permutation'"
        )
    if not isinstance(images, DataNode) or not isinstance(labels, DataNode):
        raise TypeError(
            "mix: images and labels must be DataNodes of a DALI pipeline; call mix inside a pipeline_def"
        )
    if labels.device == "gpu":
        raise ValueError(
            "mix: labels are on the GPU; pass the reader's CPU labels; the targets are returned on the images' device"
        )
    choice("mix", "layout", layout, ("HWC", "CHW"))
    choice("mix", "targets", targets, ("dense", "compact"))
    boolean("mix", "half_images", half_images)
    instance("mix", "output", output, Output)
    if output is not None and output.dtype not in DTYPES:
        raise ValueError(
            f"mix: output has dtype={output.dtype!r}, expected one of {', '.join(map(repr, DTYPES))}"
        )
    height, width = pair("mix", "image_size", image_size)
    num_classes = _num_classes(num_classes, mixing)
    if num_classes is None and targets == "compact":
        raise ValueError(
            "mix: targets='compact' consists of class ids; give num_classes, or targets='dense' for float vectors"
        )
    if mixing.label_smoothing and (num_classes is None or targets == "compact"):
        raise ValueError(
            f"mix: policy has label_smoothing={mixing.label_smoothing:g}, but "
            + (
                "its effect on vectors depends on their meaning; use label_smoothing=0 and smooth the labels before: "
                "mixing preserves the smoothing"
                if num_classes is None
                else "compact targets hold no smoothing; use label_smoothing=0 and smooth in the loss, or "
                "targets='dense'"
            )
        )
    if steps_per_epoch is not None:
        integer("mix", "steps_per_epoch", steps_per_epoch, at_least=1)
    elif mixing.schedule is not None:
        raise ValueError(
            f"mix: policy has schedule={short(mixing.schedule)} without steps_per_epoch; DALI's iterators do not tell "
            "a pipeline when an epoch ends, so the schedule would have no effect. "
            "Give steps_per_epoch, the batches per epoch"
        )
    integer("mix", "seed", seed, at_least=0)
    integer("mix", "rank", rank, at_least=0)

    if segmentation is not None:
        refuse_averaging(mixing)
    if output is not None and output.on_unit_scale:
        log.warning(
            "mix: mean=%s and std=%s are for images in 0..1; for uint8 images give 255 times as much",
            output.mean,
            output.std,
        )
    mean, std = channels("mix", 0.0, 1.0) if output is None else channels("mix", output.mean, output.std)
    feed = PlanFeed(mixing, mean, std, height, width)
    source = PlanSource(feed, Pipeline.current().max_batch_size, seed, rank, steps_per_epoch)
    made = fn.external_source(source=source, num_outputs=len(source.names), batch=True, batch_info=True)
    nodes = dict(zip(source.names, made, strict=True))
    labels, nodes = checked(labels, nodes, images, layout, height, width, len(mean), num_classes)
    if half_images:
        images = fn.cast(images, dtype=types.DALIDataType.FLOAT)
    if layout == "CHW":
        images = fn.transpose(fn.reshape(images, layout="CHW"), perm=[1, 2, 0])
    dtype = types.DALIDataType.FLOAT if output is None else DTYPES[output.dtype]
    made_layout = layout if output is None else ("HWC" if output.channels_last else "CHW")
    images = mixed_and_normalised(fn.reshape(images, layout="HWC"), feed, nodes, dtype, made_layout)

    soft = _targets(labels, mixing, num_classes, targets, nodes)
    if images.device == "gpu" and targets == "dense":
        soft = soft.gpu()
    return (images, soft) if segmentation is None else (images, soft, mixed_maps(segmentation, feed, nodes))


def _num_classes(given: int | None, policy: MixPolicy) -> int | None:
    if given is not None:
        integer("mix", "num_classes", given, at_least=1)
        if policy.num_classes not in (None, given):
            raise ValueError(
                f"mix: num_classes={given} but policy.num_classes={policy.num_classes}; give one of them"
            )
    return policy.num_classes if given is None else given


def _targets(
    labels: DataNode, policy: MixPolicy, num_classes: int | None, form: str, nodes: Mapping[str, DataNode]
) -> Any:
    k = policy.columns
    if num_classes is None:
        return dense_vectors(labels, k, nodes)
    ids = compact(labels, k, nodes)
    if form == "compact":
        return ids, nodes["weights"]
    return dense_classes(ids, num_classes, k, nodes["weights"], policy.label_smoothing)


class PlanSource:
    """The callable that gives DALI the plan of a batch: a pure function of the batch's info, so checkpoints restore
    it."""

    def __init__(self, feed: PlanFeed, rows: int, seed: int, rank: int, steps_per_epoch: int | None):
        self.feed, self.rows, self.seed, self.rank, self.steps = feed, rows, seed, rank, steps_per_epoch
        self.names = tuple(dict.fromkeys(feed.label_names + feed.pixel_names))

    def __call__(self, info: types.BatchInfo) -> tuple[np.ndarray | list[np.ndarray], ...]:
        # DALI continues to count iterations across epochs unless the pipeline is reset, which advances its epoch.
        epoch, step = divmod(info.iteration, self.steps) if self.steps else (0, info.iteration)
        feed = self.feed
        try:
            plan = feed.policy.plan(
                self.rows,
                feed.height,
                feed.width,
                seed=self.seed,
                rank=self.rank,
                epoch=info.epoch_idx + epoch,
                step=step,
                steps_per_epoch=self.steps,
            )
        except StopIteration as error:  # to DALI it would be the end of the data
            raise RuntimeError(
                "mix: a function of the policy, such as a schedule's curve, raised StopIteration"
            ) from error
        return feed.arrays(plan, self.names)
