"""A plan as the arrays that an external source passes to the graph. NumPy only.

The set of arrays depends on the policy alone, because a DALI graph is fixed when it is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup._apply.validity import refuse_invalid
from dali_mixup._checks import number
from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.feed_kernels import of_kernels
from dali_mixup._graph.feed_operators import (
    of_blends,
    of_curves,
    of_gathers,
    of_masks,
    of_pastes,
    of_resizes,
)
from dali_mixup.methods import Form

Arrays = dict[str, np.ndarray | list[np.ndarray]]


@dataclass(frozen=True)
class PlanFeed:
    """The names of the arrays, and the arrays of a plan in that order.

    Args:
        policy: determines the arrays that are needed.
        mean, std: (C,) of the normalisation, in pixel units; folded into BLEND rows.
        height, width: size of the images in pixels.
        compiled: `dali_mixup._cpu` mixes and normalises.
        of_frames: rows are frames (F, H, W, C), not images (H, W, C); not with the compiled kernels.
    """

    policy: MixPolicy
    mean: tuple[float, ...]
    std: tuple[float, ...]
    height: int
    width: int
    compiled: bool = False
    of_frames: bool = False

    @property
    def forms(self) -> frozenset[Form]:
        return frozenset(method.form for method in self.policy.all_methods)

    @property
    def gathered(self) -> int:
        """Number of images that a row needs beside its own; those that are pasted are read in place, and by the
        compiled kernels all."""
        if self.compiled:
            return 0
        apart = [m for m in self.policy.all_methods if m.form not in (Form.PASTE, Form.RESIZE)]
        return max(self.insets, *(method.columns - 1 for method in apart), 0)

    @property
    def insets(self) -> int:
        """Number of images that the policy's RESIZE methods resize for a row."""
        return max((m.inset_count for m in self.policy.all_methods if m.form == Form.RESIZE), default=0)

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
        """True if no mask of MASK methods averages pixels: they are fed as bits, and uint8 images stay uint8."""
        return all(method.hard for method in self.policy.all_methods if method.form == Form.MASK)

    @property
    def has_masks(self) -> bool:
        """True if a row can have a mask of any kind."""
        return not self.forms.isdisjoint({Form.MASK, Form.SEPARABLE})

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the arrays that mixing labels needs."""
        if self.policy.label_mixing == "union":
            return ("weights", *(f"uniting{j}" for j in range(self.policy.columns)))
        return ("weights", *(f"partner{j}" for j in range(1, self.policy.columns)))

    @property
    def pixel_names(self) -> tuple[str, ...]:
        """Names of the arrays that mixing pixels needs."""
        if self.compiled:
            return ("rows", "coefficients", "steps", *(["masks"] if self.has_masks else []))
        names = [f"gather{j}" for j in range(1, self.gathered + 1)]
        if Form.RESIZE in self.forms:
            names += ["is_resize", *resizing(self.insets)]
        if Form.BLEND in self.forms:
            names += ["is_blend", "mean", "std", *(f"ratio{j}" for j in range(1, self.blended + 1))]
        if Form.PASTE in self.forms:
            names += ["paste_ids", "paste_from", "paste_to", "paste_shape"]
        if Form.MASK in self.forms:
            names += ["is_mask", "mask", *(["mask_at"] if self.masks_are_shared else [])]
            names += ["mask_width"] if self.masks_are_hard else []
        if Form.SEPARABLE in self.forms:
            names += ["is_separable", "curve_u", "curve_d", "curve_v", "curve_a"]
        return tuple(names)

    def arrays(
        self, plan: MixPlan, names: Sequence[str], frames: int = 1
    ) -> tuple[np.ndarray | list[np.ndarray], ...]:
        """The arrays of those names, each with one entry per row of the batch; ValueError for a plan that does not fit
        the batch, which no kernel would notice.

        Args:
            frames: images of the plan's size that a row consists of.
        """
        refuse_invalid(plan, self.height, self.width)
        made: Arrays = {"weights": plan.weights}
        for j in range(1, self.policy.columns):
            made[f"partner{j}"] = np.ascontiguousarray(plan.partners[:, j])
        if plan.label_mixing == "union":
            made |= {f"uniting{j}": rows for j, rows in enumerate(_uniting(plan))}
        if self.compiled:
            made |= of_kernels(plan, self.mean, self.std)
        else:
            made |= self._of_operators(plan, frames)
        return tuple(made[name] for name in names)

    def _of_operators(self, plan: MixPlan, frames: int) -> Arrays:
        made: Arrays = {**of_gathers(plan, self.gathered, self.insets)}
        if Form.BLEND in self.forms:
            made |= of_blends(plan, self.mean, self.std, self.blended)
        if Form.RESIZE in self.forms:
            made |= of_resizes(plan, self.height, self.width, self.insets)
        if Form.PASTE in self.forms:
            made |= of_pastes(plan, self.height, self.width, frames)
        if Form.MASK in self.forms:
            made |= of_masks(plan, self.masks_are_hard, self.width)
        if Form.SEPARABLE in self.forms:
            made |= of_curves(plan, self.height, self.width)
        return made


def _uniting(plan: MixPlan) -> np.ndarray:
    """(k, N) int32: the rows whose labels a union has, one that has no share replaced by another that has."""
    shares = plan.weights > 0
    first = shares.argmax(1)[:, None]
    columns = np.where(shares, np.arange(shares.shape[1]), first)
    return np.ascontiguousarray(np.take_along_axis(plan.partners, columns, axis=1).T)


def resizing(insets: int) -> list[str]:
    """Names of the arrays by which images are resized and pasted."""
    each = [f"{name}{t}" for t in range(1, insets + 1) for name in ("resize_size", "resize_start")]
    return ["resize_to", "resize_shape", *each]


def channels(
    owner: str, mean: Sequence[float] | float, std: Sequence[float] | float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """mean and std as tuples of equal length, at least one number each; TypeError or ValueError if they are not
    numbers, do not match, or a std is not > 0."""
    means, stds = (_numbers(owner, name, given) for name, given in (("mean", mean), ("std", std)))
    if len(means) != len(stds) or not means:
        raise ValueError(
            f"{owner}: mean={mean!r}, std={std!r}; expected as many std as mean, one per channel (or one number each)"
        )
    if min(stds) <= 0:
        raise ValueError(
            f"{owner}: std={std!r}, expected numbers > 0, in the units of the images' pixels like the mean"
        )
    return means, stds


def _numbers(owner: str, name: str, given: Any) -> tuple[float, ...]:
    several = given if isinstance(given, (tuple, list, np.ndarray)) and np.ndim(given) == 1 else (given,)
    return tuple(number(owner, name, each) for each in several)
