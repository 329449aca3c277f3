"""A plan on torch tensors, all rows at once: differentiable, on any device, and without a branch that depends on the
plan's numbers, so that `torch.compile` makes one graph of it.

A tensor on the CPU that needs no gradient is mixed by `arrays`, which touches fewer bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dali_mixup._apply import arrays
from dali_mixup._apply.axes import OWNER, spatial_axes
from dali_mixup._apply.inputs import check_others, check_shapes, check_values, not_an_array, unequal
from dali_mixup._apply.resizing import HALF, triangles
from dali_mixup.methods import Bits, Contours, Form, Levels, Separable
from dali_mixup.methods.contours import HIGHEST
from dali_mixup.methods.masks import STEP

if TYPE_CHECKING:
    from dali_mixup._decide.plan import MixPlan


def mixed(plan: MixPlan, x: Any, axes: Sequence[int] | None, others: Tensor | None) -> Tensor:
    """See `MixPlan.apply`."""
    if not isinstance(x, Tensor):
        raise TypeError(not_an_array(x))
    if x.is_nested:
        raise TypeError(unequal("a nested tensor"))
    if x.layout != torch.strided:
        raise TypeError(
            f"{OWNER}: x is a tensor of layout {x.layout}; expected a dense one, as x.to_dense() is"
        )
    traced = torch.compiler.is_compiling()
    check_others(x, others, Tensor)
    check_shapes(plan, tuple(x.shape), None if others is None else tuple(others.shape))
    if not traced:
        check_values(plan, None if others is None else len(others))
    floating = x.is_floating_point() or x.is_complex()
    dtype = x.dtype if floating or not plan.averages else torch.float32
    forms = plan.forms if traced else frozenset(Form(form) for form in np.unique(plan.form))
    if not forms - {Form.NONE}:
        return x.to(dtype)
    source = x if others is None else torch.cat([x, others])
    if not traced and (seen := _seen_by_numpy(x, source)) is not None:
        # torch's memory, because NumPy asks for huge pages, which the system may take a long time to find.
        out = torch.empty_like(x, dtype=dtype)
        arrays.fill(out.numpy(), plan, *seen, axes, torch.get_num_threads())
        return out
    made = x.to(dtype)
    if Form.BLEND in forms:
        made = _where(plan, Form.BLEND, made, _blended(plan, x, source))
    if plan.size is None or not forms - {Form.NONE, Form.BLEND}:
        return made
    found = spatial_axes(tuple(x.shape), plan.size, axes)
    x, source, made = (_height_and_width_first(tensor, found) for tensor in (x, source, made))
    for form, function in ((Form.PASTE, _pasted), (Form.RESIZE, _resized)):
        if form in forms:
            made = _where(plan, form, made, function(plan, x, source))
    for form, masks in ((Form.MASK, plan.masks), (Form.SEPARABLE, plan.curves)):
        if form in forms and masks is not None:
            made = _where(plan, form, made, _masked(plan, x, source, masks))
    return torch.movedim(made[:, 0], 1, found[0]) if len(found) == 1 else torch.movedim(made, (1, 2), found)


def _seen_by_numpy(x: Tensor, source: Tensor) -> tuple[np.ndarray, np.ndarray] | None:
    """Both as arrays, which share their memory; None if NumPy cannot read them, or a gradient is asked for."""
    for tensor in (x, source):
        followed = tensor.requires_grad and torch.is_grad_enabled()
        if type(tensor) is not Tensor or tensor.device.type != "cpu" or followed:
            return None
    try:
        return x.numpy(force=True), source.numpy(force=True)
    except (RuntimeError, TypeError):  # one of torch.func's tensors, or a type that NumPy does not have
        return None


def _height_and_width_first(tensor: Tensor, axes: tuple[int, ...]) -> Tensor:
    """(n, H, W, ...), a view; H = 1 where `axes` is only the width."""
    if len(axes) == 1:
        return torch.movedim(tensor, axes[0], 1)[:, None]
    return torch.movedim(tensor, axes, (1, 2))


def _on(x: Tensor, array: np.ndarray) -> Tensor:
    return torch.as_tensor(array, device="cpu").to(x.device, non_blocking=True)


def _column(x: Tensor, array: np.ndarray) -> Tensor:
    """(N,) numbers, one per row, that broadcast with x."""
    return _on(x, array).reshape(-1, *[1] * (x.dim() - 1))


def _partner(plan: MixPlan, x: Tensor, source: Tensor, j: int) -> Tensor:
    return source.index_select(0, _on(x, plan.partners[:, j]))


def _where(plan: MixPlan, form: Form, made: Tensor, of_form: Tensor) -> Tensor:
    """`made`, with the rows of one form replaced."""
    return torch.where(_column(made, form.rows(plan.form)), of_form.to(made.dtype), made)


def _compute(x: Tensor) -> torch.dtype:
    wide = x.is_complex() or x.dtype == torch.float64
    return x.dtype if wide else torch.float32


def _blended(plan: MixPlan, x: Tensor, source: Tensor) -> Tensor:
    """sum_j w_j x_j, of the columns with a share: 0 times infinity would be NaN."""
    dtype = _compute(x)
    total = torch.zeros((), dtype=dtype, device=x.device)
    for j in range(plan.partners.shape[1]):
        weights = plan.pixel_weights[:, j]
        term = (_partner(plan, x, source, j) if j else x).to(dtype) * _column(x, weights)
        if torch.compiler.is_compiling() or not weights.all():
            term = torch.where(_column(x, weights != 0), term, 0.0)
        total = total + term
    return total


def _pasted(plan: MixPlan, x: Tensor, source: Tensor) -> Tensor:
    """Every pixel from the place in the source that the last rectangle over it says."""
    height, width = x.shape[1:3]
    y = torch.arange(height, device=x.device)[:, None]
    at = torch.arange(width, device=x.device)
    place = torch.arange(len(plan) * height * width, device=x.device).reshape(len(plan), height, width)
    if plan.regions is not None:
        partners, regions = (_on(x, array).long() for array in (plan.partners, plan.regions))
        for r in range(regions.shape[1]):
            column, sy, sx, ty, tx, h, w = (number[:, None, None] for number in regions[:, r].unbind(1))
            inside = (y >= ty) & (y < ty + h) & (at >= tx) & (at < tx + w)
            image = partners.gather(1, column[:, 0])[:, :, None]
            there = (image * height + y - ty + sy) * width + at - tx + sx
            place = torch.where(inside, there, place)
    pixels = source.flatten(0, 2)
    return pixels[place.reshape(-1)].reshape(x.shape)


def _resized(plan: MixPlan, x: Tensor, source: Tensor) -> Tensor:
    """Whole images of the columns in their rectangles, in order."""
    made = x
    if plan.insets is not None:
        partners, insets = (_on(x, array).long() for array in (plan.partners, plan.insets))
        for inset in insets.unbind(1):
            made = _inset(x, source.index_select(0, partners.gather(1, inset[:, :1])[:, 0]), inset, made)
    return made


def _inset(x: Tensor, whole: Tensor, inset: Tensor, made: Tensor) -> Tensor:
    """`made`, with the images `whole` resized into their rectangles, by one matrix down and one across, each with zeros
    outside the rectangle."""
    dtype = _compute(x)
    integers = not (x.is_floating_point() or x.is_complex())
    whole = whole.to(torch.float64 if integers else dtype)
    inside = torch.ones((), dtype=torch.bool, device=x.device)
    matrices = []
    for axis, start in ((1, 1), (2, 2)):
        extent = x.shape[axis]
        pixels = torch.arange(extent, device=x.device)
        first, many = inset[:, start, None], inset[:, start + 2, None]
        within = (pixels >= first) & (pixels < first + many)
        length = many.clip(1).to(torch.float64)
        matrix = triangles((pixels - first)[:, :, None], extent, length[:, :, None], pixels)
        matrices.append(torch.where(within[:, :, None], matrix, 0.0).to(whole.dtype))
        shape = [-1, 1, 1]
        shape[axis] = extent
        inside = inside & within.reshape(shape)
    small = torch.floor(_products(matrices, whole) + HALF) if integers else _of_any_numbers(matrices, whole)
    inside = inside.reshape(*inside.shape, *[1] * (x.dim() - 3))
    return torch.where(inside, small, made.to(small.dtype))


def _of_any_numbers(matrices: Sequence[Tensor], images: Tensor) -> Tensor:
    """`_products` of images with infinite numbers too, each of which is only where it has a share: 0 times infinity is
    NaN. They are looked for where a look is free: not on a GPU, which would wait for it."""
    if images.device.type != "cpu" or torch.compiler.is_compiling() or _all_finite(images):
        return _products(matrices, images)
    small = _products(matrices, torch.where(images.isfinite(), images, 0.0))
    shares = [(matrix > 0).to(matrix.dtype) for matrix in matrices]
    others = ~images.isfinite()
    for number in (torch.inf, -torch.inf):
        these = images == number
        small = torch.where(_products(shares, these.to(small.dtype)).abs() > 0, small + number, small)
        others = others & ~these
    return torch.where(_products(shares, others.to(small.dtype)).abs() > 0, torch.nan, small)


def _all_finite(images: Tensor) -> bool:
    try:
        return bool(images.isfinite().all())
    except RuntimeError:  # inside torch.func.vmap a tensor has no values yet
        return True


def _products(matrices: Sequence[Tensor], images: Tensor) -> Tensor:
    """The images with one matrix applied down and one across."""
    for axis, matrix in enumerate(matrices, start=1):
        images = _product(matrix, images, axis)
    return images


def _product(matrix: Tensor, images: Tensor, axis: int) -> Tensor:
    """(N, ...) images with each row's (n, m) matrix applied along an axis."""
    moved = images.movedim(axis, 1)
    # TF32 and autocast would round the pixels to fewer bits than they have.
    with torch.autocast(images.device.type, enabled=False):
        done = torch.bmm(matrix, moved.flatten(2) if moved.dim() > 2 else moved[:, :, None])
    return done.reshape(moved.shape).movedim(1, axis)


def _masked(plan: MixPlan, x: Tensor, source: Tensor, masks: Any) -> Tensor:
    """mask x_0 + (1 - mask) x_1; a hard mask copies. Rows without a mask are anything."""
    hard = isinstance(masks, (Bits, Contours))
    known = _known(x, masks)
    # One mask for all rows is not repeated.
    mask = known if len(known) == 1 else known[_on(x, plan.mask_of).long().clip(0, len(known) - 1)]
    mask = mask.reshape(*mask.shape, *[1] * (x.dim() - 3))
    partner = _partner(plan, x, source, 1)
    if hard:
        return torch.where(mask, x, partner)
    dtype = _compute(x)
    mask = mask.to(dtype)
    # 0 times infinity would be NaN.
    own = torch.where(mask > 0, mask * x.to(dtype), 0.0)
    return own + torch.where(mask < 1, (1 - mask) * partner.to(dtype), 0.0)


def _known(x: Tensor, masks: Bits | Contours | Levels | Separable) -> Tensor:
    """(m, H, W): bool of bits, else float32. They take fewer bytes to a GPU than pixels."""
    if isinstance(masks, Bits):
        return _bits(x, masks)
    if isinstance(masks, Contours):
        return _contours(x, masks)
    if isinstance(masks, Separable):
        down, across = _on(x, masks.down), _on(x, masks.across)
        return down[:, 1, :, None] * across[:, 1, None] + down[:, 0, :, None] + across[:, 0, None]
    return _on(x, masks.numbers).to(torch.float32) * float(STEP)


def _bits(x: Tensor, masks: Bits) -> Tensor:
    places = torch.arange(7, -1, -1, device=x.device, dtype=torch.uint8)
    spread = (_on(x, masks.packed)[:, :, :, None] >> places) & 1
    lines = spread.flatten(2)[:, :, : masks.width].bool()
    if masks.line_of is None:
        return lines
    line_of = _on(x, masks.line_of).long()
    return lines.gather(1, line_of[:, :, None].expand(-1, -1, masks.width))


def _contours(x: Tensor, masks: Contours) -> Tensor:
    stride, counts = masks.stride, _on(x, masks.counts)[:, None]
    grids = _on(x, masks.heights).to(torch.int32)
    for axis, extent in ((1, masks.height), (2, masks.width)):
        at = torch.arange(extent, device=x.device)
        first, beyond = grids.index_select(axis, at // stride), grids.index_select(axis, at // stride + 1)
        shape = [1, 1, 1]
        shape[axis] = extent
        q = (at % stride).to(torch.int32).reshape(shape)
        grids = first * (stride - q) + beyond * q
    values = grids.flatten(1)
    # The largest level that at least `counts` pixels reach, bit by bit.
    level = torch.full_like(counts, -HIGHEST - 1)
    for bit in range(15, -1, -1):
        higher = level + (1 << bit)
        level = torch.where((values >= higher).sum(1, keepdim=True) >= counts, higher, level)
    tied = values == level
    missing = counts - (values > level).sum(1, keepdim=True)
    mask = (values > level) | (tied & (tied.cumsum(1) <= missing))
    return mask.reshape(grids.shape)
