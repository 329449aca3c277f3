"""Remix: label weights that favour rare classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dali_mixup._checks import number
from dali_mixup._decide.class_counts import ClassCounts
from dali_mixup._decide.plan import MixPlan


@dataclass(frozen=True)
class Remix(ClassCounts):
    """For two classes of very different size the whole label goes to the rarer one, unless its image is faint.

    Chou et al. 2020 (arXiv 2007.03943), equation 8, with n_i the class counts and lam the own image's weight: the own
    label's weight is 0 where n_own / n_partner >= kappa and lam < tau; 1 where n_own / n_partner <= 1 / kappa and
    1 - lam < tau; lam otherwise. Pixels are not touched. The defaults kappa = 3 and tau = 0.5 are not
    verified against the paper's text; a reimplementation (deepimblearn) describes them as the paper's suggestion.

    Args:
        counts: samples per class, each > 0; None: those of the data, which only the loaders know.
        kappa: >= 1.
        tau: in [0, 1].

    Raises:
        TypeError, ValueError: values outside the above.
    """

    kappa: float = 3.0
    tau: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "kappa", number("Remix", "kappa", self.kappa, at_least=1))
        object.__setattr__(self, "tau", number("Remix", "tau", self.tau, at_least=0, at_most=1))

    def __call__(self, lam: np.ndarray, own: np.ndarray, partner: np.ndarray) -> np.ndarray:
        """(n,) label weights of the own class from lam (n,) and class ids own, partner (n,)."""
        ratio = self._of(own) / self._of(partner)
        partner_wins = (ratio >= self.kappa) & (lam < self.tau)
        own_wins = (ratio <= 1 / self.kappa) & (1 - lam < self.tau)
        return np.where(partner_wins, 0.0, np.where(own_wins, 1.0, lam))

    def weigh(self, plan: MixPlan, labels: np.ndarray) -> None:
        own, other = labels[plan.partners[:, :2]].T
        plan.weights[:, 0] = self(plan.weights[:, 0], own, other)
        plan.weights[:, 1] = 1 - plan.weights[:, 0]
