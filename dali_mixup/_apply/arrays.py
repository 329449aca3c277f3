"""A plan on NumPy arrays: the reference of what it means, one function per form.

Row by row, or a few small rows at a time, so that what is mixed stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from dali_mixup._apply.axes import spatial_axes
from dali_mixup._apply.inputs import check_array, check_others, check_shapes, check_values
from dali_mixup._apply.resizing import HALF, triangles
from dali_mixup.methods import Form

if TYPE_CHECKING:
    from dali_mixup._decide.plan import MixPlan

PIECE = 1 << 18  # bytes that are blended at a time
SMALL = 1 << 22  # bytes of a batch below which threads cost more than they save


def mixed(plan: MixPlan, x: np.ndarray, axes: Sequence[int] | None, others: np.ndarray | None) -> np.ndarray:
    """See `MixPlan.apply`."""
    check_array(x)
    check_others(x, others, np.ndarray)
    check_shapes(plan, x.shape, None if others is None else others.shape)
    check_values(plan, None if others is None else len(others))
    dtype = np.dtype(np.float32) if plan.averages and x.dtype.kind in "biu" else x.dtype
    if not plan.mixed.any():
        return x.astype(dtype, copy=False)
    out = np.empty_like(x, dtype=dtype, subok=False)
    fill(out, plan, x, x if others is None else np.concatenate([x, others]), axes)
    return out


def fill(
    out: np.ndarray,
    plan: MixPlan,
    x: np.ndarray,
    source: np.ndarray,
    axes: Sequence[int] | None,
    threads: int = 1,
) -> None:
    """Write the mixed rows into `out`.

    Args:
        out, x: (N, ...), the result and the rows.
        plan: for N rows, some of them mixed.
        source: (R, ...), x and the rows beyond the batch.
        axes: see `MixPlan.apply`.
        threads: threads for large batches.
    """
    batch = Batch(plan, x, source, out, axes)
    parts = min(threads, len(plan)) if x.nbytes >= SMALL else 1
    if parts == 1:
        batch.mix(0, len(plan))
        return
    ends = [len(plan) * part // parts for part in range(parts + 1)]
    # New threads for every batch: those of a pool would be missing in a forked worker of a DataLoader.
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(batch.mix, ends[:-1], ends[1:]))


class Batch:
    """One batch to be mixed; arguments as in `fill`."""

    def __init__(
        self,
        plan: MixPlan,
        x: np.ndarray,
        source: np.ndarray,
        out: np.ndarray,
        axes: Sequence[int] | None,
    ) -> None:
        self.plan = plan
        self.compute = np.result_type(x.dtype if x.dtype.kind in "fc" else np.float32, np.float32)
        self.integers = x.dtype.kind in "biu"
        if set(plan.form.tolist()) - {Form.NONE, Form.BLEND} and plan.size is not None:
            found = spatial_axes(x.shape, plan.size, axes)
            x, source, out = (_height_and_width_first(array, found) for array in (x, source, out))
        self.x, self.source, self.out = x, source, out
        self.mixing: dict[Form, Callable[[int], None]] = {
            Form.PASTE: self._paste,
            Form.RESIZE: self._resize,
            Form.MASK: self._mask,
            Form.SEPARABLE: self._mask,
        }

    def mix(self, start: int, end: int) -> None:
        """Fill the rows [start, end) of the result."""
        forms = self.plan.form[start:end]
        blended = Form.BLEND.rows(forms)
        self._blend(start + np.flatnonzero(blended))
        for i in (start + np.flatnonzero(~blended)).tolist():
            self.out[i] = self.x[i]
            if (form := Form(self.plan.form[i])) != Form.NONE:
                self.mixing[form](i)

    def _blend(self, rows: np.ndarray) -> None:
        """sum_j w_j x_j, of the columns with a share: 0 times infinity would be NaN."""
        each = max(int(np.prod(self.x.shape[1:])) * self.compute.itemsize, 1)
        many = max(PIECE // each, 1)
        for start in range(0, len(rows), many):
            piece = rows[start : start + many]
            shares = self.plan.pixel_weights[piece] != 0
            total = self._weighted(self.x, piece, 0)
            total[~shares[:, 0]] = 0
            for j in range(1, shares.shape[1]):
                if shares[:, j].all():
                    total += self._weighted(self.source, piece, j)
                elif shares[:, j].any():
                    total[shares[:, j]] += self._weighted(self.source, piece[shares[:, j]], j)
            self.out[piece] = total

    def _weighted(self, images: np.ndarray, rows: np.ndarray, j: int) -> np.ndarray:
        """The images of column j of some rows, times their weights."""
        weights = self.plan.pixel_weights[rows, j].astype(self.compute)
        found = images[self.plan.partners[rows, j]]
        return np.multiply(
            found,
            weights.reshape(-1, *[1] * (images.ndim - 1)),
            dtype=self.compute,
            casting="unsafe",
        )

    def _paste(self, i: int) -> None:
        """Rectangles of the columns' images, copied in order."""
        assert self.plan.regions is not None
        for column, sy, sx, ty, tx, h, w in self.plan.regions[i].tolist():
            image = self.source[self.plan.partners[i, column]]
            self.out[i, ty : ty + h, tx : tx + w] = image[sy : sy + h, sx : sx + w]

    def _resize(self, i: int) -> None:
        """Whole images of the columns in their rectangles, in order."""
        assert self.plan.insets is not None
        for column, y, x, height, width in self.plan.insets[i].tolist():
            if height and width:
                small = self._small(self.source[self.plan.partners[i, column]], height, width)
                self.out[i, y : y + height, x : x + width] = small

    def _small(self, image: np.ndarray, height: int, width: int) -> np.ndarray:
        """An image resized; integers are rounded, as an image library's resized image is."""
        image = image.astype(np.result_type(self.compute, np.float64))
        matrices = [
            triangles(np.arange(length)[:, None], extent, np.float64(length), np.arange(extent))
            for length, extent in zip((height, width), image.shape, strict=False)
        ]
        finite = np.isfinite(image)
        small = _applied(matrices, np.where(finite, image, 0))
        if not finite.all():  # 0 times infinity is NaN: each such number is only where it has a share
            shares = [matrix > 0 for matrix in matrices]
            for number in (np.inf, -np.inf):
                with np.errstate(invalid="ignore"):  # both infinities at one place are NaN
                    small = np.where(
                        _applied(shares, (image == number).astype(float)) > 0, small + number, small
                    )
            other = ~finite & (image != np.inf) & (image != -np.inf)
            small = np.where(_applied(shares, other.astype(float)) > 0, np.nan, small)
        return np.floor(small + HALF) if self.integers else small

    def _mask(self, i: int) -> None:
        """mask x_0 + (1 - mask) x_1; a hard mask copies."""
        partner = self.source[self.plan.partners[i, 1]]
        mask = self.plan.mask(i)
        mask = mask.reshape(mask.shape + (1,) * (self.x.ndim - 3))
        if mask.dtype == np.uint8:
            np.copyto(self.out[i], partner, where=mask == 0)
            return
        mask = mask.astype(self.compute)
        with np.errstate(invalid="ignore"):
            total = np.multiply(self.x[i], mask, dtype=self.compute, casting="unsafe")
            total += np.multiply(partner, 1 - mask, dtype=self.compute, casting="unsafe")
        if not self.integers and not np.isfinite(total).all():  # 0 times infinity is NaN
            np.copyto(total, self.x[i], where=mask == 1)
            np.copyto(total, partner, where=mask == 0)
        self.out[i] = total


def _applied(matrices: Sequence[np.ndarray], image: np.ndarray) -> np.ndarray:
    """The image with one matrix applied down and one across."""
    for axis, matrix in enumerate(matrices):
        image = np.moveaxis(np.tensordot(image, matrix, (axis, 1)), -1, axis)
    return image


def _height_and_width_first(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """(n, H, W, ...), a view; H = 1 where `axes` is only the width."""
    if len(axes) == 1:
        return np.moveaxis(array, axes[0], 1)[:, None]
    return np.moveaxis(array, axes, (1, 2))
