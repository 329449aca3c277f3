"""A plan as the arrays that an external source passes to the graph. NumPy only.

The set of arrays depends on the policy alone, because a DALI graph is fixed when it is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup._checks import number
from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.validity import refuse_invalid
from dali_mixup.methods import Form

TINY = np.float32(1e-30)  # stands for a weight of 0 under a division; 255 / TINY is still a float32


@dataclass(frozen=True)
class PlanFeed:
    """The names of the arrays, and the arrays of a plan in that order.

    Args:
        policy: determines the arrays that are needed.
        mean, std: (C,) of the normalisation, in pixel units; folded into BLEND rows.
        height, width: size of the images in pixels.
        compiled: BLEND rows are mixed by `dali_mixup._cpu` together with everything that is only normalised.
    """

    policy: MixPolicy
    mean: tuple[float, ...]
    std: tuple[float, ...]
    height: int
    width: int
    compiled: bool = False

    @property
    def forms(self) -> frozenset[Form]:
        return frozenset(method.form for method in self.policy.all_methods)

    @property
    def gathered(self) -> int:
        """Number of partners' images that a row needs beside its own (PASTE rows read them in place)."""
        in_place = (Form.PASTE, Form.BLEND) if self.partner_is_pasted else (Form.PASTE,)
        return max((m.columns - 1 for m in self.policy.all_methods if m.form not in in_place), default=0)

    @property
    def partner_is_pasted(self) -> bool:
        """True if pasting, which copies an image for every row anyway, copies the partner's for BLEND rows."""
        return self.compiled and Form.PASTE in self.forms and self.blended == 1

    @property
    def blended(self) -> int:
        """Number of partners that the policy's BLEND methods combine."""
        return max((m.columns - 1 for m in self.policy.all_methods if m.form == Form.BLEND), default=0)

    @property
    def masks_are_shared(self) -> bool:
        """True if several rows can share a mask."""
        return self.policy.granularity != "sample"

    @property
    def masks_are_hard(self) -> bool:
        """True if no mask averages pixels, so that uint8 images stay uint8."""
        return all(method.hard for method in self.policy.all_methods if method.form == Form.MASK)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the arrays that mixing labels needs."""
        return ("weights", *(f"partner{j}" for j in range(1, self.policy.columns)))

    @property
    def pixel_names(self) -> tuple[str, ...]:
        """Names of the arrays that mixing pixels needs."""
        names = [f"partner{j}" for j in range(1, self.gathered + 1)]
        if self.compiled:
            names += ["coefficients"]
        elif Form.BLEND in self.forms:
            names += ["is_blend", "mean", "std", *(f"ratio{j}" for j in range(1, self.blended + 1))]
        if Form.PASTE in self.forms:
            names += ["paste_ids", "paste_from", "paste_to", "paste_shape"]
        if Form.RESIZE in self.forms:
            names += ["is_resize", "resize_size", "resize_start", "resize_to", "resize_shape"]
        if Form.MASK in self.forms:
            names += ["is_mask", "mask", *(["mask_at"] if self.masks_are_shared else [])]
        return tuple(names)

    def arrays(self, plan: MixPlan, names: Sequence[str]) -> tuple[np.ndarray | list[np.ndarray], ...]:
        """The arrays of those names, each with one entry per row of the batch; ValueError for a plan that does not fit
        the batch, which no kernel would notice."""
        refuse_invalid(plan, self.height, self.width)
        made: dict[str, np.ndarray | list[np.ndarray]] = {"weights": plan.weights}
        for j in range(1, self.policy.columns):
            made[f"partner{j}"] = np.ascontiguousarray(plan.partners[:, j])
        if self.compiled:
            made["coefficients"] = self._coefficients(plan)
        elif Form.BLEND in self.forms:
            made |= self._blend(plan)
        if Form.PASTE in self.forms:
            made |= self._paste(plan)
        if Form.RESIZE in self.forms:
            made |= self._resize(plan)
        if Form.MASK in self.forms:
            made |= self._mask(plan)
        return tuple(made[name] for name in names)

    def _coefficients(self, plan: MixPlan) -> np.ndarray:
        """(R, blended + 2, 3) of (sum_j w_j x_j - mean) / std: the factor of each image, and the summand. The pasted
        image comes first; it is the row's own except for BLEND rows with `partner_is_pasted`. Rows of other forms are
        that image with weight 1."""
        weights = np.zeros((len(plan), self.blended + 1), np.float64)
        weights[:, 0] = 1.0
        mine = plan.form == Form.BLEND
        order = [1, 0] if self.partner_is_pasted else range(self.blended + 1)
        weights[mine] = plan.pixel_weights[mine][:, order]
        made = np.empty((len(plan), self.blended + 2, len(self.std)), np.float32)
        made[:, :-1] = weights[:, :, None] / self.std
        made[:, -1] = normalising(self.mean, self.std)[1]
        return made

    def _blend(self, plan: MixPlan) -> dict[str, np.ndarray]:
        """sum_j w_j x_j = w_0 (x_0 + sum_j r_j x_j) with r_j = w_j / w_0, so the outer product with w_0 and the
        normalisation are one step: ((x_0 + sum r_j x_j) - mean / w_0) / (std / w_0)."""
        own = np.maximum(plan.pixel_weights[:, :1], TINY)
        made = {
            "is_blend": plan.form == Form.BLEND,
            "mean": np.asarray(self.mean, np.float32) / own,
            "std": np.asarray(self.std, np.float32) / own,
        }
        for j in range(1, self.blended + 1):
            made[f"ratio{j}"] = plan.pixel_weights[:, j] / own[:, 0]
        return made

    def _paste(self, plan: MixPlan) -> dict[str, np.ndarray]:
        """The row's own image first, then its rectangles. Rows left alone have no rectangles (RICAP's would move their
        pixels); rows of other forms paste nothing: their pixels come from another branch."""
        regions = plan.regions if plan.regions is not None else np.zeros((len(plan), 1, 7), np.int32)
        regions = np.where((plan.form == Form.PASTE)[:, None, None], regions, np.int32(0))
        rows = np.arange(len(plan), dtype=np.int32)[:, None]
        ids = np.concatenate([rows, np.take_along_axis(plan.partners, regions[:, :, 0], 1)], axis=1)
        whole = np.zeros((len(plan), 1, 6), np.int32)
        whole_images = (Form.PASTE, Form.NONE, Form.BLEND) if self.compiled else (Form.PASTE, Form.NONE)
        whole[np.isin(plan.form, whole_images), 0, 4:] = self.height, self.width
        if self.partner_is_pasted:
            blended = plan.form == Form.BLEND
            ids[blended, 0] = plan.partners[blended, 1]
        geometry = np.concatenate([whole, regions[:, :, 1:]], axis=1)
        # Empty rectangles come first, under the whole image: DALI 2.4's GPU kernel never closes one, and would copy its
        # image over everything below it or to its right.
        full = (geometry[:, :, 4:] > 0).all(2, keepdims=True)
        order = np.argsort(full, axis=1, kind="stable")
        geometry = np.take_along_axis(geometry * full, order, axis=1)
        ids = np.take_along_axis(ids, order[:, :, 0], axis=1)
        return {
            "paste_ids": ids,
            "paste_from": np.ascontiguousarray(geometry[:, :, 0:2]),
            "paste_to": np.ascontiguousarray(geometry[:, :, 2:4]),
            "paste_shape": np.ascontiguousarray(geometry[:, :, 4:6]),
        }

    def _resize(self, plan: MixPlan) -> dict[str, np.ndarray]:
        """The whole own image, then the partner's, which was resized to exactly the rectangle's size and is placed at
        the rectangle, on a canvas that begins at `resize_start` relative to it."""
        mine = plan.form == Form.RESIZE
        boxes = plan.boxes
        size = np.where(mine[:, None], boxes[:, 2:] - boxes[:, :2], 1)
        zero = np.zeros_like(size)
        whole = np.broadcast_to(np.array([self.height, self.width], np.int32), size.shape)
        return {
            "is_resize": mine,
            "resize_size": size.astype(np.float32),
            "resize_start": np.where(mine[:, None], -boxes[:, :2], 0).astype(np.int32),
            "resize_to": np.stack([zero, np.where(mine[:, None], boxes[:, :2], 0)], axis=1).astype(np.int32),
            "resize_shape": np.stack([whole, size], axis=1).astype(np.int32),
        }

    def _mask(self, plan: MixPlan) -> dict[str, np.ndarray | list[np.ndarray]]:
        """Each distinct mask once, at the first MASK row that has it, and one number at the others: a float32 mask for
        every row would be 51 MB for a batch of 256 x 224 x 224. `mask_at` is the place of a row's mask, counted among
        MASK rows, because only these reach the branch that reads it."""
        mine = plan.form == Form.MASK
        rows = np.flatnonzero(mine)
        used, first, which = np.unique(plan.mask_of[rows], return_index=True, return_inverse=True)
        dtype = np.uint8 if self.masks_are_hard else np.float32  # always the same, as a graph has one type
        fed = [np.ones((1, 1, 1), dtype)] * len(plan)
        for mask, row in zip(used, rows[first], strict=True):
            assert plan.masks is not None
            fed[row] = plan.masks[mask][:, :, None].astype(dtype, copy=False)
        at = np.zeros(len(plan), np.int32)
        at[rows] = first[which]
        return {"is_mask": mine, "mask": fed, "mask_at": at}


def normalising(mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """(2, C) float32: the factor and the summand of a pixel for (x - mean) / std."""
    return np.stack([1.0 / np.asarray(std), -np.asarray(mean) / np.asarray(std)]).astype(np.float32)


def channels(
    owner: str, mean: Sequence[float] | float, std: Sequence[float] | float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """mean and std as tuples of equal length, at least one number each; TypeError or ValueError if they are not
    numbers, do not match, or a std is not > 0."""
    means, stds = (_numbers(owner, name, given) for name, given in (("mean", mean), ("std", std)))
    if len(means) != len(stds) or not means or min(stds) <= 0:
        raise ValueError(
            f"{owner}: mean={mean!r}, std={std!r}; expected as many std as mean, one per channel (or one number each), "
            "in the units of the images' pixels, all finite and every std > 0"
        )
    return means, stds


def _numbers(owner: str, name: str, given: Any) -> tuple[float, ...]:
    several = given if isinstance(given, (tuple, list, np.ndarray)) and np.ndim(given) == 1 else (given,)
    return tuple(number(owner, name, each) for each in several)
