"""The decisions for one batch, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dali_mixup.methods import Bits, Form, Separable


@dataclass(frozen=True)
class MixPlan:
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
        masks: the m distinct masks of MASK rows, (m, H, W) float32, or `methods.Bits` if all are of 0 and 1; or None.
        curves: the distinct masks of SEPARABLE rows, `methods.Separable`, or None.
        mask_of: (N,) int32 index into `masks` or, for SEPARABLE rows, into `curves`; -1 for rows without a mask.
        regime: "mixed"; "clean" in a step that an `Alternation` left alone; "off" outside the schedule.
        unpartnered: number of rows for which a rule by class found no partner.
    """

    partners: np.ndarray
    weights: np.ndarray
    pixel_weights: np.ndarray
    boxes: np.ndarray
    method: np.ndarray
    form: np.ndarray
    mask_of: np.ndarray
    regions: np.ndarray | None = None
    masks: np.ndarray | Bits | None = None
    curves: Separable | None = None
    regime: str = "mixed"
    unpartnered: int = 0

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
        known = self.curves if self.form[row] == Form.SEPARABLE else self.masks
        if known is None or self.mask_of[row] < 0:
            raise ValueError(f"MixPlan.mask: row {row} has no mask, its form is {Form(self.form[row]).name}")
        return known[self.mask_of[row]]

    @property
    def mixed(self) -> np.ndarray:
        """(N,) bool: rows in which another sample has a share."""
        return self.method >= 0
