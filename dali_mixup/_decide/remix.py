"""Remix: label weights that favour rare classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dali_mixup._checks import integer, number


@dataclass(frozen=True)
class Remix:
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

    counts: Sequence[int] | None = None
    kappa: float = 3.0
    tau: float = 0.5

    def __post_init__(self) -> None:
        if self.counts is not None:
            object.__setattr__(self, "counts", _checked(self.counts))
        object.__setattr__(self, "kappa", number("Remix", "kappa", self.kappa, at_least=1))
        object.__setattr__(self, "tau", number("Remix", "tau", self.tau, at_least=0, at_most=1))

    def counted(self, owner: str, labels: np.ndarray, classes: int) -> Remix:
        """The rule with the counts of these class ids, if it has none; errors as `check`."""
        if self.counts is not None:
            self.check(owner, classes)
            return self
        # A class without samples never meets the rule, which divides by its count.
        return replace(self, counts=np.maximum(np.bincount(labels, minlength=classes), 1).tolist())

    def check(self, owner: str, classes: int) -> None:
        """Raise ValueError unless there is a count for every class."""
        if self.counts is not None and len(self.counts) != classes:
            raise ValueError(
                f"{owner}: policy has remix with {len(self.counts)} counts, but the data have {classes} "
                f"classes; expected "
                "one count per class, such as np.bincount(loader.dataset.labels)"
            )

    def __call__(self, lam: np.ndarray, own: np.ndarray, partner: np.ndarray) -> np.ndarray:
        """(n,) label weights of the own class from lam (n,) and class ids own, partner (n,)."""
        assert self.counts is not None  # a policy without them is refused
        counts = np.asarray(self.counts, dtype=np.float64)
        ratio = counts[own] / counts[partner]
        partner_wins = (ratio >= self.kappa) & (lam < self.tau)
        own_wins = (ratio <= 1 / self.kappa) & (1 - lam < self.tau)
        return np.where(partner_wins, 0.0, np.where(own_wins, 1.0, lam))


def _checked(given: Sequence[int]) -> tuple[int, ...]:
    if isinstance(given, (str, bytes)) or not hasattr(given, "__len__"):
        raise TypeError(f"Remix: counts={given!r}, expected the number of samples of every class")
    counts = tuple(integer("Remix", f"counts[{i}]", n, at_least=1) for i, n in enumerate(given))
    if not counts:
        raise ValueError("Remix: counts are empty; expected the number of samples of every class")
    return counts
