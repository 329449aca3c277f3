"""UniMix: a lam that depends on the classes of the pair, so that mixed classes are uniform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dali_mixup._decide.class_counts import ClassCounts
from dali_mixup._decide.plan import MixPlan


@dataclass(frozen=True)
class UniMix(ClassCounts):
    """lam is shifted round the circle [0, 1) by the partner's share of the two classes: lam + n_j / (n_i + n_j) mod 1.

    Xu et al. 2021, "Towards Calibrated Model for Long-Tailed Visual Recognition from Prior Perspective" (arXiv
    2111.03874), the UniMix factor, with n the class counts, i the row's class and j the partner's. With alpha < 1, lam
    lies near 0 and 1, which are one point of the circle, so it comes to lie near n_j / (n_i + n_j): the rarer class
    has the larger weight. Pixels and labels follow it. The authors' code has MixUp(0.8), a lam for each sample, and
    partners from the batch with weights n^-0.1; over all data that law is Balanced(0.1).

    Args:
        counts: samples per class, each > 0; None: those of the data, which only the loaders know.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    def __call__(self, lam: np.ndarray, own: np.ndarray, partner: np.ndarray) -> np.ndarray:
        """(n,) weights of the own images from lam (n,) and class ids own, partner (n,)."""
        mine, others = self._of(own), self._of(partner)
        shifted = lam + others / (mine + others)
        return np.where(shifted > 1, shifted - 1, shifted)

    def weigh(self, plan: MixPlan, labels: np.ndarray) -> None:
        mixed = np.flatnonzero(plan.method >= 0)
        own, other = labels[plan.partners[mixed]].T
        lam = self(plan.weights[mixed, 0].astype(np.float64), own, other)
        for weights in (plan.weights, plan.pixel_weights):
            weights[mixed] = np.stack([lam, 1 - lam], axis=1)
