"""Segmentation maps, mixed like their images: copied, never averaged."""

from __future__ import annotations

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.conditional import collect, deal
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.pixels import RESIZING, Nodes, paste, paste_resized
from dali_mixup.methods import Form


def refuse_averaging(policy: MixPolicy) -> None:
    """Raise ValueError for a policy with a method that averages pixels: two class ids have no average."""
    averaging = [m.name for m in policy.all_methods if m.form not in (Form.PASTE, Form.RESIZE)]
    if averaging:
        raise ValueError(
            f"mix: segmentation with {', '.join(averaging)}: class ids cannot be averaged; expected methods that "
            "paste, such as CutMix or ResizeMix"
        )


def mixed_maps(maps: DataNode, feed: PlanFeed, nodes: Nodes) -> DataNode:
    """(H, W, 1) maps of the type they came in, from maps (H, W) or (H, W, 1); resized ones by nearest neighbour."""
    maps = fn.reshape(maps, shape=[feed.height, feed.width, 1], layout="HWC")
    pasted = paste(maps, nodes) if Form.PASTE in feed.forms else maps
    if Form.RESIZE not in feed.forms:
        return pasted
    wanted = {name: nodes[name] for name in RESIZING} | {
        "images": maps,
        "image1": fn.permute_batch(maps, indices=nodes["partner1"]),
        "pasted": pasted,
    }
    mine, others = deal(wanted, nodes["is_resize"], here={*RESIZING, "images", "image1"}, there={"pasted"})
    return collect(paste_resized(mine, types.DALIInterpType.INTERP_NN), others["pasted"], nodes["is_resize"])
