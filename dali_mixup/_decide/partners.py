"""Partner rules within a batch, and the names of those that need no data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import numpy as np

from dali_mixup._decide.from_data import Balanced
from dali_mixup._decide.partner_rule import PartnerRule
from dali_mixup._decide.unlabelled import Unlabelled

Name = Literal["permutation", "derangement", "flip", "roll", "same_class", "other_class", "balanced"]


@dataclass(frozen=True)
class Permutation(PartnerRule):
    """A uniform permutation of the rows; a row may draw itself (mixup-cifar10)."""

    name: ClassVar[str] = "permutation"
    pairable: ClassVar[bool] = True

    def _column(self, rng: Any, rows: int, j: int, labels: Any, others: Any) -> np.ndarray:
        return rng.permutation(rows)


@dataclass(frozen=True)
class Derangement(PartnerRule):
    """Uniform over the permutations in which no row draws itself; a single row draws itself."""

    name: ClassVar[str] = "derangement"
    pairable: ClassVar[bool] = True

    def _column(self, rng: Any, rows: int, j: int, labels: Any, others: Any) -> np.ndarray:
        own = np.arange(rows)
        if rows == 1:
            return own
        while True:  # rejection sampling: e = 2.72 tries on average, for any number of rows
            drawn = rng.permutation(rows)
            if not (drawn == own).any():
                return drawn


@dataclass(frozen=True)
class Flip(PartnerRule):
    """Rows i and rows - 1 - i (timm); the middle row of an odd batch draws itself."""

    name: ClassVar[str] = "flip"
    pairable: ClassVar[bool] = True
    single: ClassVar[bool] = True

    def _column(self, rng: Any, rows: int, j: int, labels: Any, others: Any) -> np.ndarray:
        return np.arange(rows)[::-1]

    def pairs(self, rng: np.random.RandomState, rows: int) -> np.ndarray:
        return np.arange(rows)[::-1, None].copy()


@dataclass(frozen=True)
class Roll(PartnerRule):
    """Column j takes row i - j (torchvision at j = 1)."""

    name: ClassVar[str] = "roll"

    def _column(self, rng: Any, rows: int, j: int, labels: Any, others: Any) -> np.ndarray:
        return np.roll(np.arange(rows), j + 1)


@dataclass(frozen=True)
class SameClass(PartnerRule):
    """Uniform over the other rows of the same class; a row without any draws itself."""

    name: ClassVar[str] = "same_class"
    by_label: ClassVar[bool] = True

    def _column(self, rng: Any, rows: int, j: int, labels: Any, others: Any) -> np.ndarray:
        return _by_label(rng, labels, same=True)


@dataclass(frozen=True)
class OtherClass(PartnerRule):
    """Uniform over the rows of all other classes; a row without any draws itself."""

    name: ClassVar[str] = "other_class"
    by_label: ClassVar[bool] = True

    def _column(self, rng: Any, rows: int, j: int, labels: Any, others: Any) -> np.ndarray:
        return _by_label(rng, labels, same=False)


@dataclass(frozen=True)
class Pool(PartnerRule):
    """A permutation of the batch and its unlabelled samples together; the batch takes the first rows (MixMatch,
    arXiv 1905.02249). For loaders with targets="compact" only: an unlabelled partner's class id is -1.

    Args:
        unlabelled: the stream that the samples come from.

    Raises:
        TypeError: not an `Unlabelled`.
    """

    unlabelled: Unlabelled

    @property
    def beyond_batch(self) -> bool:
        return True

    def __post_init__(self) -> None:
        if not isinstance(self.unlabelled, Unlabelled):
            raise TypeError(f"Pool: unlabelled={self.unlabelled!r}, expected Unlabelled(data, ...)")

    def _column(self, rng: Any, rows: int, j: int, labels: Any, others: Any) -> np.ndarray:
        return rng.permutation(np.concatenate([np.arange(rows), others]))[:rows]


_NAMED = {rule.name: rule for rule in (Permutation, Derangement, Flip, Roll, SameClass, OtherClass, Balanced)}
PARTNERS = tuple(_NAMED)
"""The rules that can be given by name."""


def as_given(owner: str, given: Any) -> Name | PartnerRule:
    """`partners=` in its canonical form: a rule's name if that says everything, else the rule; errors as `as_rule`."""
    rule = as_rule(owner, given)
    named = _NAMED.get(rule.name)
    return cast("Name", rule.name) if named is not None and rule == named() else rule


def as_rule(owner: str, given: Any) -> PartnerRule:
    """The rule that `partners=` names; ValueError with the list of names otherwise."""
    if isinstance(given, PartnerRule):
        return given
    if isinstance(given, str) and given in _NAMED:
        return _NAMED[given]()
    raise ValueError(
        f"{owner}: partners={given!r}, expected one of {', '.join(map(repr, PARTNERS))}, Balanced(exponent), "
        "LabelDistance(bandwidth), Neighbours(table) or Pool(Unlabelled(data))"
    )


def _by_label(rng: np.random.RandomState, labels: np.ndarray, same: bool) -> np.ndarray:
    """One uniform draw per row from the other rows of its own class, or from the rows of all other classes."""
    rows = len(labels)
    by_class = np.argsort(labels, kind="stable")
    _, start, group, size = np.unique(
        labels[by_class], return_index=True, return_inverse=True, return_counts=True
    )
    # Of each row's class, in sorted order.
    first, members = start[group.reshape(rows)], size[group.reshape(rows)]
    others = members - 1 if same else rows - members
    drawn = np.minimum((rng.random_sample(rows) * others).astype(np.int64), others - 1)
    position = np.arange(rows)
    nth_after_itself = first + (position - first + 1 + drawn) % members  # wrapping round within its class
    nth_outside = np.where(drawn < first, drawn, drawn + members)  # among the rows of other classes
    chosen = np.where(others > 0, nth_after_itself if same else nth_outside, position)
    partner = np.empty(rows, dtype=np.int64)
    partner[by_class] = by_class[chosen]
    return partner
