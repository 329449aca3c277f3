"""Segmentation maps, mixed like their images: copied, never averaged."""

from __future__ import annotations

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.conditional import collect, deal
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.pixels import Nodes, masks_of, mixed, paste, wanted
from dali_mixup.methods import Form


def refuse_averaging(policy: MixPolicy) -> None:
    """Raise ValueError for a policy with a method that averages pixels: two class ids have no average."""
    averaging = [method.name for method in policy.all_methods if method.averages]
    if averaging:
        raise ValueError(
            f"mix: segmentation with {', '.join(averaging)}: class ids cannot be averaged; expected methods that "
            "copy pixels, such as CutMix, ResizeMix or FMix"
        )


def mixed_maps(maps: DataNode, feed: PlanFeed, nodes: Nodes) -> DataNode:
    """(H, W, 1) maps of the type they came in, from maps (H, W), (H, W, 1) or (1, H, W); resized ones by nearest
    neighbour."""
    maps = fn.reshape(maps, shape=nodes["map_shape"], layout="HWC")
    partners = range(1, feed.gathered + 1)
    known = {f"image{j}": fn.permute_batch(maps, indices=nodes[f"gather{j}"]) for j in partners}
    known |= {**nodes, "images": maps}
    if Form.MASK in feed.forms:
        known["mask"] = masks_of(maps, feed, nodes)
    made = paste(maps, nodes) if Form.PASTE in feed.forms else maps
    for form in sorted(feed.forms & {Form.RESIZE, Form.MASK}):
        predicate = nodes[f"is_{form.name.lower()}"]
        mine, others = deal({**known, "made": made}, predicate, wanted(form, feed), {"made"})
        made = collect(mixed(form, mine, feed, types.DALIInterpType.INTERP_NN), others["made"], predicate)
    return made
