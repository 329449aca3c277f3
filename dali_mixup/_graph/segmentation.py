"""Segmentation maps, mixed like their images: copied, never averaged."""

from __future__ import annotations

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.conditional import collect, deal
from dali_mixup._graph.feed import PlanFeed, resizing
from dali_mixup._graph.pixels import Nodes, paste, paste_resized
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
    """(H, W, 1) maps of the type they came in, from maps (H, W), (H, W, 1) or (1, H, W); resized ones by nearest
    neighbour."""
    maps = fn.reshape(maps, shape=nodes["map_shape"], layout="HWC")
    pasted = paste(maps, nodes) if Form.PASTE in feed.forms else maps
    if Form.RESIZE not in feed.forms:
        return pasted
    here = {name: nodes[name] for name in resizing(feed.insets)} | {"images": maps}
    for t in range(1, feed.insets + 1):
        here[f"image{t}"] = fn.permute_batch(maps, indices=nodes[f"gather{t}"])
    mine, others = deal({**here, "pasted": pasted}, nodes["is_resize"], here=here, there={"pasted"})
    resized = paste_resized(mine, feed.insets, types.DALIInterpType.INTERP_NN)
    return collect(resized, others["pasted"], nodes["is_resize"])
