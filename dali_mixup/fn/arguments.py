"""The arguments of `mix`, checked, and what follows from them before anything is known of a batch."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from nvidia.dali import types
from nvidia.dali.data_node import DataNode
from nvidia.dali.pipeline import Pipeline

from dali_mixup._checks import boolean, choice, instance, integer, pair
from dali_mixup._decide.combinations import refuse_compact, refuse_what_loaders_give
from dali_mixup._decide.policy import MixPolicy, as_policy
from dali_mixup._graph.conditional import in_a_branch
from dali_mixup._graph.feed import PlanFeed, channels
from dali_mixup._graph.layout import Layout
from dali_mixup._graph.options import Output
from dali_mixup._graph.segmentation import refuse_averaging
from dali_mixup._repr import short
from dali_mixup.methods import Form

log = logging.getLogger("dali_mixup")

MOST_MEANS_OF_UINT8 = 8
"""With more, `fn.crop_mirror_normalize` of DALI 2.4 writes beyond its memory (on the CPU) if it makes uint8."""

DTYPES = {
    "float32": types.DALIDataType.FLOAT,
    "float16": types.DALIDataType.FLOAT16,
    "uint8": types.DALIDataType.UINT8,
}


@dataclass(frozen=True)
class Arguments:
    """What follows from the arguments of `mix`.

    Attributes:
        feed: the arrays that the policy needs.
        layout: the axes of the rows.
        dtype: DALI's type of the returned rows.
        num_classes: None for labels that are vectors.
    """

    feed: PlanFeed
    layout: Layout
    dtype: types.DALIDataType
    num_classes: int | None

    @classmethod
    def checked(cls, **given: Any) -> Arguments:
        """From the arguments of `mix` by name; TypeError or ValueError for those it does not take."""
        policy = _policy(given["policy"])
        _check_nodes(given["images"], given["labels"])
        choice("mix", "targets", given["targets"], ("dense", "compact"))
        for name in ("half_images", "return_plan"):
            boolean("mix", name, given[name])
        for name in ("seed", "rank"):
            integer("mix", name, given[name], at_least=0)
        output = given["output"]
        _check_output(output)
        num_classes = _num_classes(given["num_classes"], policy)
        _check_labels(policy, num_classes, given["targets"])
        _check_steps(policy, given["steps_per_epoch"])
        mean, std = channels("mix", 0.0, 1.0) if output is None else channels("mix", output.mean, output.std)
        size = _size(policy, given["image_size"])
        layout = Layout.of(
            "mix",
            given["layout"],
            boxed=size is not None,
            means=len(mean),
            channels_last=None if output is None else output.channels_last,
        )
        height, width = size or (1, 1)
        if layout.boxed and "H" not in (layout.given or "") and height != 1:
            raise ValueError(
                f"mix: image_size={given['image_size']!r} with layout={layout.given!r}, which has no H; expected "
                "(1, width)"
            )
        if given["segmentation"] is not None:
            if not isinstance(given["segmentation"], DataNode):
                raise TypeError(
                    f"mix: segmentation is a {type(given['segmentation']).__name__}, expected a DataNode of maps, one "
                    "for each image"
                )
            refuse_averaging(policy)
            if not layout.images:
                raise ValueError(
                    f"mix: segmentation with layout={layout.given!r}; maps belong to images, layout='HWC' or 'CHW'"
                )
        if output is not None and layout.images and output.on_unit_scale:
            log.warning(
                "mix: mean=%s and std=%s are for images in 0..1; for uint8 images give 255 times as much",
                output.mean,
                output.std,
            )
        feed = PlanFeed(policy, mean, std, height, width, of_frames=not layout.images)
        return cls(feed, layout, DTYPES["float32" if output is None else output.dtype], num_classes)


def _policy(given: Any) -> MixPolicy:
    policy = as_policy("mix", given)
    if policy is None:
        raise TypeError("mix: policy=None, expected a MixPolicy (this function is for mixing only)")
    refuse_what_loaders_give("mix", policy)
    return policy


def _check_nodes(images: Any, labels: Any) -> None:
    pipeline = Pipeline.current()
    if pipeline is None or not isinstance(images, DataNode) or not isinstance(labels, DataNode):
        raise TypeError(
            "mix: images and labels must be DataNodes of a DALI pipeline; call mix inside a pipeline_def"
        )
    if in_a_branch(pipeline):
        raise ValueError(
            "mix: called inside an `if`, whose branch gets some rows of a batch, or none; call it outside, where "
            "partners are rows of the whole batch"
        )
    if labels.device == "gpu":
        raise ValueError(
            "mix: labels are on the GPU; pass the reader's CPU labels; the targets are returned on the images' device"
        )


def _check_output(output: Any) -> None:
    instance("mix", "output", output, Output)
    if output is not None and output.dtype not in DTYPES:
        raise ValueError(
            f"mix: output has dtype={output.dtype!r}, expected one of {', '.join(map(repr, DTYPES))}"
        )
    if output is not None and not output.kind.usual:
        raise ValueError(
            f"mix: output has {output.kind}, which is for the loaders, that decode; mix takes rows as they are: leave "
            "channels and bits out"
        )
    means = np.size(output.mean) if output is not None else 0
    if means > MOST_MEANS_OF_UINT8 and output.dtype == "uint8":
        raise ValueError(
            f"mix: output has {means} means and dtype='uint8', of which DALI's operator ends the process; give one "
            "mean and deviation for all channels, or dtype='float32'"
        )


def _num_classes(given: int | None, policy: MixPolicy) -> int | None:
    if given is not None:
        integer("mix", "num_classes", given, at_least=1)
        if policy.num_classes not in (None, given):
            raise ValueError(
                f"mix: num_classes={given} but policy.num_classes={policy.num_classes}; give one of them"
            )
    return policy.num_classes if given is None else given


def _check_labels(policy: MixPolicy, num_classes: int | None, targets: str) -> None:
    refuse_compact("mix", policy.label_mixing, targets)
    if num_classes is None and targets == "compact":
        raise ValueError(
            "mix: targets='compact' consists of class ids; give num_classes, or targets='dense' for float vectors"
        )
    if num_classes is not None and policy.rule.by_value:
        raise ValueError(
            f"mix: partners={policy.partners!r} measures distances between vectors, but num_classes={num_classes} is "
            "for class ids; leave num_classes out, and give float vectors as labels"
        )
    if num_classes is None and policy.needs_ids:
        raise ValueError(
            f"mix: partners={policy.partners!r}, remix={policy.remix!r} and unimix={policy.unimix!r} need class "
            "ids; give num_classes, and labels that are class ids"
        )
    if policy.label_smoothing and (num_classes is None or targets == "compact"):
        raise ValueError(
            f"mix: policy has label_smoothing={policy.label_smoothing:g}, but "
            + (
                "its effect on vectors depends on their meaning; use label_smoothing=0 and smooth the labels before: "
                "mixing preserves the smoothing"
                if num_classes is None
                else "compact targets hold no smoothing; use label_smoothing=0 and smooth in the loss, or "
                "targets='dense'"
            )
        )


def _check_steps(policy: MixPolicy, steps_per_epoch: int | None) -> None:
    if steps_per_epoch is not None:
        integer("mix", "steps_per_epoch", steps_per_epoch, at_least=1)
    elif policy.schedule is not None:
        raise ValueError(
            f"mix: policy has schedule={short(policy.schedule)} without steps_per_epoch; DALI's iterators do not tell "
            "a pipeline when an epoch ends, so the schedule would have no effect. "
            "Give steps_per_epoch, the batches per epoch"
        )


def _size(policy: MixPolicy, image_size: Any) -> tuple[int, int] | None:
    if image_size is not None:
        return pair("mix", "image_size", image_size)
    parts = [method.name for method in policy.all_methods if method.form != Form.BLEND]
    if parts:
        raise ValueError(
            f"mix: no image_size, but {', '.join(parts)} mixes parts of images; give image_size=(height, width) and, "
            "unless it is 'HWC', their layout (only methods that blend whole rows, such as MixUp, need neither)"
        )
    return None
