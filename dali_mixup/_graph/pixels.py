"""The pixel part of a plan as operators.

With DALI's, one branch per form, each ending in the same normalisation: rows are split between the branches (see
`conditional`), so a form that a batch does not use costs nothing. With the compiled kernels of the CPU, one operator
for all forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.conditional import collect, deal
from dali_mixup._graph.feed import PlanFeed, resizing
from dali_mixup.methods import Form
from dali_mixup.methods.masks import STEP

Nodes = Mapping[str, DataNode]

UINT8 = types.DALIDataType.UINT8
PLACES = np.array([128, 64, 32, 16, 8, 4, 2, 1], np.uint8).reshape(
    1, 1, 8
)  # of the bits, as `methods.Bits` has them


def mixed_and_normalised(
    images: DataNode, feed: PlanFeed, nodes: Nodes, dtype: types.DALIDataType, output_layout: str
) -> DataNode:
    """Mixed, normalised images (dtype, output_layout) from images (H, W, C), uint8 or float32, HWC; or, with the nodes
    "frames" and "tall" of `planned`, rows of frames from (F, H, W, C), FHWC."""
    if feed.compiled:
        from dali_mixup._cpu.operators import finished

        masks = nodes["masks"] if feed.has_masks else types.Constant(np.zeros(1, np.uint8), device="cpu")
        planned = (nodes["rows"], masks, nodes["coefficients"], nodes["steps"])
        return finished(images, *planned, dtype, output_layout)
    gathered = [fn.permute_batch(images, indices=nodes[f"gather{j}"]) for j in range(1, feed.gathered + 1)]
    own = {"images": images} | {f"image{j}": image for j, image in enumerate(gathered, 1)}
    made = {"pasted": paste(images, nodes) if Form.PASTE in feed.forms else images}
    if Form.MASK in feed.forms:
        made["mask"] = masks_of(images, feed, nodes)
    apart = [form for form in (Form.BLEND, Form.RESIZE, Form.MASK, Form.SEPARABLE) if form in feed.forms]
    return _branches(apart, {**nodes, **own, **made}, feed, {"dtype": dtype, "output_layout": output_layout})


def _branches(forms: Sequence[Form], nodes: Nodes, feed: PlanFeed, output: dict[str, Any]) -> DataNode:
    plain = {"mean": list(feed.mean), "std": list(feed.std)}
    if not forms:
        return fn.crop_mirror_normalize(nodes["pasted"], **plain, **output)
    form, rest = forms[0], forms[1:]
    predicate = nodes[f"is_{form.name.lower()}"]
    # The later branches lie inside this one's "else": everything they read, including their predicates, passes here.
    passed_on = {"pasted"}.union(*({f"is_{f.name.lower()}"} | wanted(f, feed) for f in rest))
    mine, others = deal(nodes, predicate, wanted(form, feed), passed_on)
    # Each branch normalises its own rows. One step after collecting would force float32 on rows that are still uint8,
    # four times the bytes, and BLEND rows have a mean and a deviation each.
    if form == Form.BLEND:
        folded = {"mean": mine["mean"], "std": mine["std"]}
        done = fn.crop_mirror_normalize(_blend(mine, feed), **folded, **output)
    else:
        done = fn.crop_mirror_normalize(
            mixed(form, mine, feed, types.DALIInterpType.INTERP_LINEAR), **plain, **output
        )
    return collect(done, _branches(rest, others, feed, output), predicate)


def wanted(form: Form, feed: PlanFeed) -> set[str]:
    """Names of the nodes that a branch reads."""
    if form == Form.BLEND:
        partners = range(1, feed.blended + 1)
        return {"images", "mean", "std"}.union(*({f"image{j}", f"ratio{j}"} for j in partners))
    if form == Form.RESIZE:
        return {"images", *(f"image{t}" for t in range(1, feed.insets + 1)), *resizing(feed.insets)}
    if form == Form.SEPARABLE:
        return {"images", "image1", "curve_u", "curve_d", "curve_v", "curve_a"}
    return {"images", "image1", "mask", *(["mask_at"] if feed.masks_are_shared else [])}


def mixed(form: Form, nodes: Nodes, feed: PlanFeed, interpolation: types.DALIInterpType) -> DataNode:
    """The rows of a form that neither blends nor pastes, from the nodes that it wants."""
    if form == Form.RESIZE:
        return _paste_resized(nodes, feed.insets, interpolation, feed.of_frames)
    if form == Form.SEPARABLE:
        return _masked(nodes, _from_curves(nodes))
    mask = nodes["mask"]
    return _masked(nodes, fn.permute_batch(mask, indices=nodes["mask_at"]) if "mask_at" in nodes else mask)


def _blend(nodes: Nodes, feed: PlanFeed) -> DataNode:
    """x_0 + sum_j r_j x_j in float32, two passes per partner; w_0 is folded into the normalisation (`of_blends`).
    The own image is added last so that it stays uint8 until then."""
    terms = [nodes[f"image{j}"] * nodes[f"ratio{j}"] for j in range(1, feed.blended + 1)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total + nodes["images"]


def paste(images: DataNode, nodes: Nodes) -> DataNode:
    """One pass: the own image and every rectangle, copied exactly from the batch itself. DALI pastes into images alone,
    so frames become a tall one, which copies nothing."""
    pasted = fn.multi_paste(
        fn.reshape(images, shape=nodes["tall"], layout="HWC") if "tall" in nodes else images,
        in_ids=nodes["paste_ids"],
        in_anchors=nodes["paste_from"],
        out_anchors=nodes["paste_to"],
        shapes=nodes["paste_shape"],
    )
    return fn.reshape(pasted, shape=nodes["frames"], layout="FHWC") if "frames" in nodes else pasted


def _paste_resized(
    nodes: Nodes, insets: int, interpolation: types.DALIInterpType, of_frames: bool
) -> DataNode:
    """Whole images, or each of their frames, shrunk into their rectangles, in order."""
    # The first rectangle is the whole own image; its size may change with the batch.
    size = fn.reshape(fn.slice(nodes["resize_shape"], start=[0], shape=[1], axes=[0]), shape=[2])
    canvases = [_canvas(nodes, t, size, interpolation) for t in range(1, insets + 1)]
    if of_frames:
        # To paste one image per frame would take one input per frame. A canvas is 0 outside of its rectangle.
        frames = nodes["images"]
        for t, canvas in enumerate(canvases, 1):
            frames = _without_rectangle(frames, nodes, t) + canvas
        return frames
    return fn.multi_paste(
        nodes["images"],
        *canvases,
        in_anchors=nodes["resize_to"],
        out_anchors=nodes["resize_to"],
        shapes=nodes["resize_shape"],
    )


def _canvas(nodes: Nodes, t: int, size: DataNode, interpolation: types.DALIInterpType) -> DataNode:
    """An inset where it belongs, on 0. On the GPU, DALI 2.4 reads every input of multi_paste with the first one's row
    length, so all need one size."""
    small = fn.resize(
        nodes[f"image{t}"], size=nodes[f"resize_size{t}"], interp_type=interpolation, antialias=True
    )
    return fn.slice(
        small,
        start=nodes[f"resize_start{t}"],
        shape=size,
        axis_names="HW",
        out_of_bounds_policy="pad",
        fill_values=0,
    )


def _without_rectangle(frames: DataNode, nodes: Nodes, t: int) -> DataNode:
    """The frames with 0 where an inset goes."""
    anchor = fn.cast(nodes[f"resize_start{t}"], dtype=types.DALIDataType.FLOAT) * -1
    shape = nodes[f"resize_size{t}"]
    return fn.erase(frames, anchor=anchor, shape=shape, axis_names="HW", fill_value=0)


def _masked(nodes: Nodes, mask: DataNode) -> DataNode:
    """mask * x_0 + (1 - mask) * x_1: exact x_0 where the mask is 1, exact x_1 where it is 0. In float32, but hard masks
    of uint8 keep uint8 images uint8."""
    return nodes["images"] * mask + nodes["image1"] * (types.Constant(1, dtype=UINT8) - mask)


def masks_of(images: DataNode, feed: PlanFeed, nodes: Nodes) -> DataNode:
    """(H, W, 1) masks of MASK rows, on the images' device: uint8 of 0 and 1 if all are hard, else float32."""
    fed = _on_device_of(images, nodes["mask"])
    return _unpacked(fed, nodes["mask_width"]) if feed.masks_are_hard else fed * STEP


def _unpacked(bits: DataNode, width: DataNode) -> DataNode:
    """(H, W, 1) uint8 masks of 0 and 1 from their bits (H, ceil(W / 8), 1); one bit per pixel crosses the bus."""
    ones = fn.cast((bits & types.Constant(PLACES, device="cpu")) != 0, dtype=UINT8)
    lines = fn.reshape(ones, rel_shape=[1.0, 8.0, 0.125], layout="HWC")
    return fn.slice(lines, start=[0], shape=width, axes=[1])


def _from_curves(nodes: Nodes) -> DataNode:
    """(H, W, 1) float32 masks of `methods.Separable`; H + W numbers of each cross the bus."""
    u, d, v, a = (_on_device_of(nodes["images"], nodes[f"curve_{name}"]) for name in "udva")
    return d * a + u + v


def _on_device_of(images: DataNode, node: DataNode) -> DataNode:
    return node.gpu() if images.device == "gpu" else node
