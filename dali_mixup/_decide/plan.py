"""The decisions for one batch, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dali_mixup._apply import applied, mixed_targets
from dali_mixup._equality import EqualByContent
from dali_mixup.methods import Bits, Contours, Form, Levels, Separable

if TYPE_CHECKING:
    import torch

    Array = TypeVar("Array", np.ndarray, torch.Tensor)


@dataclass(frozen=True, eq=False)
class MixPlan(EqualByContent):
    """All mixing decisions for one batch of N rows; k is the largest number of images that any
    of the policy's methods combines.

    x~_i = sum_j pixel_weights[i, j] T_j(x[partners[i, j]]) on average over the pixels, and
    y~_i = sum_j weights[i, j] y[partners[i, j]].

    Attributes:
        partners: (N, k) int32; column 0 is the row itself.
        weights: (N, k) float32 label weights, rows sum to 1. lam is column 0.
        pixel_weights: (N, k) float32; equal to `weights` unless the method decouples them.
        boxes: (N, 4) int32 y0, x0, y1, x1 of the pasted box, end exclusive; zeros where nothing was pasted.
        method: (N,) int32 index into the policy's methods, -1 where the row was left alone. A row that is its
            own partner is left alone: it is exactly its own image.
        form: (N,) int32 `methods.Form` of each row.
        regions: (N, r, 7) int32 rectangles of PASTE rows (see `methods.Draws`), or None.
        insets: (N, t, 5) int32 resized images of RESIZE rows (see `methods.Draws`), or None.
        masks: the m distinct masks of MASK rows, (m, H, W): `methods.Bits` or `methods.Contours` if all are of 0 and 1,
            else `methods.Levels`; or None.
        curves: the distinct masks of SEPARABLE rows, `methods.Separable`, or None.
        mask_of: (N,) int32 index into `masks` or, for SEPARABLE rows, into `curves`; -1 for rows without a mask.
        regime: "mixed"; "clean" in a step that an `Alternation` left alone; "off" outside the schedule.
        unpartnered: number of rows for which a rule by class found no partner.
        size: (height, width) in pixels for which it was made; None: for rows of any shape, with methods that blend.
        forms: the forms of all of the policy's methods; a plan's rows may have fewer.
        averages: whether any of the policy's methods averages pixels instead of copying them.
        extrapolates: which of "weights" and "pixel_weights" may be outside of [0, 1] in rows that blend.
        label_smoothing, label_mixing: the policy's.

    Example:
        >>> from dali_mixup import MixPolicy, MixUp
        >>> plan = MixPolicy(MixUp(lam=0.75), partners="roll").plan(3, seed=0, epoch=0, step=0)
        >>> plan.apply(np.array([[0.0], [4.0], [8.0]])).tolist()
        [[2.0], [3.0], [7.0]]
        >>> plan.targets(np.array([0, 1, 1]), 2).tolist()
        [[0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """

    partners: np.ndarray
    weights: np.ndarray
    pixel_weights: np.ndarray
    boxes: np.ndarray
    method: np.ndarray
    form: np.ndarray
    mask_of: np.ndarray
    regions: np.ndarray | None = None
    insets: np.ndarray | None = None
    masks: Bits | Contours | Levels | None = None
    curves: Separable | None = None
    regime: str = "mixed"
    unpartnered: int = 0
    size: tuple[int, int] | None = None
    forms: frozenset[Form] = frozenset(Form)
    averages: bool = True
    extrapolates: frozenset[str] = frozenset()
    label_smoothing: float = 0.0
    label_mixing: str = "weighted"

    def __len__(self) -> int:
        return len(self.method)

    def __repr__(self) -> str:
        used = {
            int(index): int((self.method == index).sum()) for index in np.unique(self.method) if index >= 0
        }
        return (
            f"MixPlan({len(self)} rows, {self.partners.shape[1]} images per row, regime {self.regime!r}: "
            f"{int(self.mixed.sum())} mixed, by method {used}, lam {self.weights[:, 0].min():.3f} to "
            f"{self.weights[:, 0].max():.3f})"
        )

    def mask(self, row: int) -> np.ndarray:
        """(H, W) the weight of a row's own image in every pixel, float32, or uint8 if it is 0 or 1 everywhere.

        Raises:
            ValueError: the row has no mask; its form is another one.
        """
        known = self.curves if Form(self.form[row]) == Form.SEPARABLE else self.masks
        if known is None or self.mask_of[row] < 0:
            raise ValueError(f"MixPlan.mask: row {row} has no mask, its form is {Form(self.form[row]).name}")
        return known[self.mask_of[row]]

    @property
    def mixed(self) -> np.ndarray:
        """(N,) bool: rows in which another sample has a share."""
        return self.method >= 0

    def apply(self, x: Array, *, axes: Sequence[int] | None = None, others: Array | None = None) -> Array:
        """The batch mixed as planned: a new array or tensor, or `x` itself where no row is mixed. `x` never changes.

        Of images, the row with method CutMix, say, has the same pixels as from `fn.mix` or a loader. Tensors are mixed
        on their device, differentiably in `x`, and under `torch.compile`; those on the CPU, unless a gradient is
        asked for, with NumPy on `torch.get_num_threads()` threads.

        Args:
            x: (N, ...) array or tensor of any numbers and rank: images, feature vectors, sound, video, volumes.
            axes: the axes of x, 0 being the rows, along which the plan's height and width run: (2, 3) for images
                (N, C, H, W), (1, 2) for (N, H, W, C) and for spectrograms, (2, 3) for video (N, F, H, W, C), whose
                frames then share a box. One axis, such as (1,), for a plan of height 1. None: the only two adjacent
                axes of that size. Methods that blend whole rows need none.
            others: (M, ...), the rows beyond the batch, in the order of the plan's `others`, if it has partners there:
                partner N + i is row i.

        Returns:
            In the dtype of `x`, but for integers and bool with a policy that averages pixels: those give float32 for
            every batch, as from `fn.mix`. Half precision is mixed in float32; resized integers are rounded. Infinite
            numbers reach only the pixels in which they have a share; resized on a GPU or in a compiled graph, all.

        Raises:
            TypeError: x is no array or tensor of numbers; for a list the message says how to make one of it.
            ValueError: another number of rows than the plan's, or axes that are missing or do not have its size.
        """
        return applied(self, x, axes, others)

    def targets(
        self, labels: Any, num_classes: int | None = None, *, others: Any = None
    ) -> np.ndarray | torch.Tensor:
        """The soft labels of the batch, as a loader gives them: sum_j weights[i, j] y[partners[i, j]], or with the
        policy's label_mixing="union" the largest y[partners[i, j]] of those with weights[i, j] > 0.

        Args:
            labels: (N,) or (N, 1) class ids of an integer type, with `num_classes`; or, without, (N,) floats or
                (N, ...) vectors of any type: multi-hot labels, distributions, regression values.
            num_classes: >= 1.
            others: (M,) or (M, ...), the labels of the rows beyond the batch, as in `apply`.

        Returns:
            (N, num_classes) float32 with the policy's label smoothing, off = eps / K and on = 1 - eps + eps / K; of
            vectors their shape in float32 (float64 for float64). A tensor on the labels' device if they are one, else
            an array.

        Raises:
            TypeError, ValueError: labels of another length or form, class ids outside [0, num_classes), or label
                smoothing of vectors, whose effect depends on their meaning.
        """
        return mixed_targets(self, labels, num_classes, others)
