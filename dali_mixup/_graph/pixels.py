"""The pixel part of a plan as DALI operators: one branch per form, each ending in the same normalisation.

Rows are split between the branches (see `conditional`), so a form that a batch does not use costs nothing. With the
compiled kernels blending and normalising are one operator, and BLEND needs no branch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.conditional import collect, deal
from dali_mixup._graph.feed import PlanFeed
from dali_mixup.methods import Form

Nodes = Mapping[str, DataNode]


def mixed_and_normalised(
    images: DataNode, feed: PlanFeed, nodes: Nodes, dtype: types.DALIDataType, output_layout: str
) -> DataNode:
    """Mixed, normalised images (dtype, output_layout) from images (H, W, C), uint8 or float32, HWC."""
    gathered = [fn.permute_batch(images, indices=nodes[f"partner{j}"]) for j in range(1, feed.gathered + 1)]
    pasted = paste(images, nodes) if Form.PASTE in feed.forms else images
    own = {"images": images} | {f"image{j}": image for j, image in enumerate(gathered, 1)}
    apart = (Form.RESIZE, Form.MASK) if feed.compiled else (Form.BLEND, Form.RESIZE, Form.MASK)
    return _branches(
        [form for form in apart if form in feed.forms],
        {**nodes, **own, "pasted": pasted},
        feed,
        {"dtype": dtype, "output_layout": output_layout},
    )


def _branches(forms: Sequence[Form], nodes: Nodes, feed: PlanFeed, output: dict[str, Any]) -> DataNode:
    plain = {"mean": list(feed.mean), "std": list(feed.std)}
    if not forms:
        return _blended_or_left(nodes, feed, output)
    form, rest = forms[0], forms[1:]
    predicate = nodes[f"is_{form.name.lower()}"]
    # The later branches lie inside this one's "else": everything they read, including their predicates, passes here.
    passed_on = _wanted_last(feed).union(*({f"is_{f.name.lower()}"} | _wanted(f, feed) for f in rest))
    mine, others = deal(nodes, predicate, _wanted(form, feed), passed_on)
    # Each branch normalises its own rows. One step after collecting would force float32 on rows that are still uint8,
    # four times the bytes, and BLEND rows have a mean and a deviation each.
    if form == Form.BLEND:
        folded = {"mean": mine["mean"], "std": mine["std"]}
        done = fn.crop_mirror_normalize(_blend(mine, feed), **folded, **output)
    else:
        done = fn.crop_mirror_normalize(
            paste_resized(mine, types.DALIInterpType.INTERP_LINEAR) if form == Form.RESIZE else _mask(mine),
            **plain,
            **output,
        )
    return collect(done, _branches(rest, others, feed, output), predicate)


def _blended_or_left(nodes: Nodes, feed: PlanFeed, output: dict[str, Any]) -> DataNode:
    """The rows of no branch: pasted or left alone, and blended ones if the compiled kernels are used."""
    if not feed.compiled:
        return fn.crop_mirror_normalize(nodes["pasted"], mean=list(feed.mean), std=list(feed.std), **output)
    from dali_mixup._cpu.operators import normalised

    images = [nodes[name] for name in _summed(feed)]
    return normalised(images, nodes["coefficients"], output["dtype"], output["output_layout"])


def _summed(feed: PlanFeed) -> list[str]:
    """The images that the compiled kernel adds up, in the order of the coefficients."""
    if feed.partner_is_pasted:
        return ["pasted", "images"]
    return ["pasted", *(f"image{j}" for j in range(1, feed.blended + 1))]


def _wanted_last(feed: PlanFeed) -> set[str]:
    """Names of the nodes that `_blended_or_left` reads."""
    if not feed.compiled:
        return {"pasted"}
    return {"coefficients", *_summed(feed)}


def _wanted(form: Form, feed: PlanFeed) -> set[str]:
    """Names of the nodes that a branch reads."""
    if form == Form.BLEND:
        partners = range(1, feed.blended + 1)
        return {"images", "mean", "std"}.union(*({f"image{j}", f"ratio{j}"} for j in partners))
    if form == Form.RESIZE:
        return {"images", "image1", "resize_size", "resize_start", "resize_to", "resize_shape"}
    return {"images", "image1", "mask", *(["mask_at"] if feed.masks_are_shared else [])}


def _blend(nodes: Nodes, feed: PlanFeed) -> DataNode:
    """x_0 + sum_j r_j x_j in float32, two passes per partner; w_0 is folded into the normalisation (`PlanFeed._blend`).
    The own image is added last so that it stays uint8 until then."""
    terms = [nodes[f"image{j}"] * nodes[f"ratio{j}"] for j in range(1, feed.blended + 1)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total + nodes["images"]


def paste(images: DataNode, nodes: Nodes) -> DataNode:
    """One pass: the own image and every rectangle, copied exactly from the batch itself."""
    return fn.multi_paste(
        images,
        in_ids=nodes["paste_ids"],
        in_anchors=nodes["paste_from"],
        out_anchors=nodes["paste_to"],
        shapes=nodes["paste_shape"],
    )


def paste_resized(nodes: Nodes, interpolation: types.DALIInterpType) -> DataNode:
    """The partner's whole image shrunk into the rectangle; its size is rounded to that of the rectangle already."""
    small = fn.resize(nodes["image1"], size=nodes["resize_size"], interp_type=interpolation, antialias=True)
    # The first rectangle is the whole own image; its size may change with the batch.
    size = fn.reshape(fn.slice(nodes["resize_shape"], start=[0], shape=[1], axes=[0]), shape=[2])
    # On the GPU, DALI 2.4 reads every input of multi_paste with the first one's row length, so both need one size.
    canvas = fn.slice(
        small,
        start=nodes["resize_start"],
        shape=size,
        axis_names="HW",
        out_of_bounds_policy="pad",
        fill_values=0,
    )
    return fn.multi_paste(
        nodes["images"],
        canvas,
        in_anchors=nodes["resize_to"],
        out_anchors=nodes["resize_to"],
        shapes=nodes["resize_shape"],
    )


def _mask(nodes: Nodes) -> DataNode:
    """mask * x_0 + (1 - mask) * x_1: exact x_0 where the mask is 1, exact x_1 where it is 0. In float32, but hard masks
    of uint8 keep uint8 images uint8."""
    # Only the masks of this branch go to the GPU, once for both products.
    mask = nodes["mask"].gpu() if nodes["images"].device == "gpu" else nodes["mask"]
    if "mask_at" in nodes:
        mask = fn.permute_batch(mask, indices=nodes["mask_at"])
    return nodes["images"] * mask + nodes["image1"] * (
        types.Constant(1, dtype=types.DALIDataType.UINT8) - mask
    )
