"""Partner rules: they draw tables of row indices for one batch, and carry the data they need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import numpy as np

from dali_mixup._checks import table
from dali_mixup._decide.unlabelled import Unlabelled
from dali_mixup._repr import short

Name = Literal["permutation", "derangement", "flip", "roll", "same_class", "other_class"]


class PartnerRule(ABC):
    """A rule by which the rows of a batch choose their partners.

    Attributes:
        name: set for a rule that needs no data; such a rule may be given by its name.
        pairable: whether it can join the rows in pairs, each row the partner of the other.
        single: whether it gives only one partner per row, so that methods of more than two images cannot use it.
        by_label: whether it needs class ids, which must then be known before the images are decoded.
        beyond_batch: whether partners may lie outside the batch: a loader reads and decodes them as well.
    """

    name: ClassVar[str] = ""
    pairable: ClassVar[bool] = False
    single: ClassVar[bool] = False
    by_label: ClassVar[bool] = False
    beyond_batch: ClassVar[bool] = False

    def columns(
        self,
        rng: np.random.RandomState,
        rows: int,
        count: int,
        labels: np.ndarray | None = None,
        others: np.ndarray | None = None,
    ) -> np.ndarray:
        """(rows, count) int64 partner rows, each column drawn independently.

        Args:
            labels: (rows,) class ids, for rules with `by_label`.
            others: rows beyond the batch, for rules with `beyond_batch`.
        """
        return np.stack([self._column(rng, rows, j, labels, others) for j in range(count)], axis=1)

    @abstractmethod
    def _column(
        self,
        rng: np.random.RandomState,
        rows: int,
        j: int,
        labels: np.ndarray | None,
        others: np.ndarray | None,
    ) -> np.ndarray: ...

    def pairs(self, rng: np.random.RandomState, rows: int) -> np.ndarray:
        """(rows, 1) partner rows in which partner[partner[i]] == i, uniform at random: for `pairable` rules.

        The odd row of an odd batch is its own partner, so derangement and permutation are the same here.
        """
        shuffled = rng.permutation(rows)
        partner = np.arange(rows)
        first, second = shuffled[: rows // 2], shuffled[rows // 2 : rows // 2 * 2]
        partner[first], partner[second] = second, first
        return partner[:, None]


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


@dataclass(frozen=True, eq=False)  # arrays have no equality
class Neighbours(PartnerRule):
    """Samples drawn uniformly from each row's own line of a table, for example its nearest neighbours in feature space.

    The partners are not rows of the batch: they are read and decoded too, so a batch costs `policy.columns` times as
    much. For loaders only.

    Args:
        table: (samples, m) sample indices >= 0, m >= 1: line i lists the candidates of sample i.

    Raises:
        TypeError, ValueError: not such a table; at the loader: a number of lines other than the number of samples, or
            indices beyond them.
    """

    table: np.ndarray
    beyond_batch: ClassVar[bool] = True

    def __post_init__(self) -> None:
        array = table("Neighbours", "table", self.table, "iu", "sample indices >= 0")
        if array.min() < 0:
            raise ValueError(f"Neighbours: table names sample {array.min()}; expected sample indices >= 0")
        object.__setattr__(self, "table", array)

    def __repr__(self) -> str:
        return short(self)

    def check(self, owner: str, samples: int) -> None:
        """Raise ValueError unless the table fits data of `samples` samples."""
        if len(self.table) != samples or self.table.max() >= samples:
            raise ValueError(
                f"{owner}: partners={self!r} has samples up to {self.table.max()}; expected ({samples}, m) indices "
                f"in [0, {samples}), one line for each of the data's samples"
            )

    def drawn(self, rng: np.random.RandomState, indices: np.ndarray, count: int) -> np.ndarray:
        """(n, count) int64 samples drawn from the lines of the samples `indices` (n,)."""
        lines = self.table[indices]
        chosen = (rng.random_sample((len(indices), count)) * lines.shape[1]).astype(np.int64)
        return np.take_along_axis(lines, chosen, axis=1).astype(np.int64)

    def _column(self, rng: Any, rows: int, j: int, labels: Any, others: Any) -> np.ndarray:
        return others[:, j]


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
    beyond_batch: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not isinstance(self.unlabelled, Unlabelled):
            raise TypeError(f"Pool: unlabelled={self.unlabelled!r}, expected Unlabelled(data, ...)")

    def _column(self, rng: Any, rows: int, j: int, labels: Any, others: Any) -> np.ndarray:
        return rng.permutation(np.concatenate([np.arange(rows), others]))[:rows]


_NAMED = {rule.name: rule for rule in (Permutation, Derangement, Flip, Roll, SameClass, OtherClass)}
PARTNERS = tuple(_NAMED)
"""The rules that can be given by name."""


def as_given(owner: str, given: Any) -> Name | PartnerRule:
    """`partners=` in its canonical form: the rule's name if it has one, else the rule; errors as in `as_rule`."""
    rule = as_rule(owner, given)
    return cast("Name", rule.name) if rule.name else rule


def as_rule(owner: str, given: Any) -> PartnerRule:
    """The rule that `partners=` names; ValueError with the list of names otherwise."""
    if isinstance(given, PartnerRule):
        return given
    if isinstance(given, str) and given in _NAMED:
        return _NAMED[given]()
    raise ValueError(
        f"{owner}: partners={given!r}, expected one of {', '.join(map(repr, PARTNERS))}, Neighbours(table) or "
        "Pool(Unlabelled(data))"
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
