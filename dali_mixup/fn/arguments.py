"""The arguments of `mix`, checked, and what follows from them before anything is known of a batch."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from nvidia.dali import types
from nvidia.dali.data_node import DataNode
from nvidia.dali.pipeline import Pipeline

from dali_mixup._checks import address, boolean, pair
from dali_mixup._decide.arguments import mixing_policy, number_of_classes, refuse_labels, steps_of_epoch
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.conditional import in_a_branch
from dali_mixup._graph.feed import PlanFeed, channels
from dali_mixup._graph.layout import Layout
from dali_mixup._graph.pixel_kind import USUAL
from dali_mixup._graph.pixel_scale import for_unit_scale
from dali_mixup._graph.returned import check_output, check_targets
from dali_mixup._graph.segmentation import refuse_averaging
from dali_mixup._repr import short
from dali_mixup.methods import Form

log = logging.getLogger("dali_mixup")

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
        policy = mixing_policy("mix", given["policy"], "this function is for mixing only")
        _check_nodes(given["images"], given["labels"], given["segmentation"])
        for name in ("half_images", "return_plan"):
            boolean("mix", name, given[name])
        for name in ("seed", "rank"):
            address("mix", name, given[name])
        output = given["output"]
        check_output("mix", output)
        num_classes = number_of_classes("mix", given["num_classes"], policy)
        check_targets("mix", given["targets"], num_classes, policy.label_mixing, policy.label_smoothing)
        refuse_labels("mix", policy, ids=num_classes is not None)
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
            refuse_averaging(policy)
            if not layout.images:
                raise ValueError(
                    f"mix: segmentation with layout={layout.given!r}; maps belong to images, layout='HWC' or 'CHW'"
                )
        if output is not None and layout.images and (advice := for_unit_scale(mean, std, USUAL.most)):
            log.warning("mix: output has mean=%s and std=%s, %s", mean, std, advice)
        feed = PlanFeed(policy, mean, std, height, width, of_frames=not layout.images)
        return cls(feed, layout, DTYPES["float32" if output is None else output.dtype], num_classes)


def _check_nodes(images: Any, labels: Any, maps: Any) -> None:
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
    if maps is not None and not isinstance(maps, DataNode):
        raise TypeError(
            f"mix: segmentation is a {type(maps).__name__}, expected a DataNode of maps, one for each image"
        )
    on_gpu = "gpu" in (images.device, getattr(maps, "device", None))
    if on_gpu and not pipeline.exec_dynamic:
        # DALI says that the legacy executor would do it.
        raise ValueError(
            "mix: images on the GPU in a pipeline without DALI's dynamic executor, which alone passes their shapes to "
            "the CPU; leave out exec_dynamic=False, exec_pipelined=False, exec_async=False and sizes of two queues in "
            "prefetch_queue_depth"
        )


def _check_steps(policy: MixPolicy, steps_per_epoch: Any) -> None:
    if steps_per_epoch is None and policy.schedule is not None:
        raise ValueError(
            f"mix: policy has schedule={short(policy.schedule)} without steps_per_epoch; DALI's iterators do not tell "
            "a pipeline when an epoch ends, so the schedule would have no effect. "
            "Give steps_per_epoch, the batches that the pipeline runs per epoch"
        )
    steps_of_epoch("mix", steps_per_epoch, policy)


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
