"""What rules for classes of different size have in common: the number of samples of every class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dali_mixup._checks import integer, members

if TYPE_CHECKING:
    from dali_mixup._decide.plan import MixPlan
    from dali_mixup._decide.policy import MixPolicy

Rule = TypeVar("Rule", bound="ClassCounts")


@dataclass(frozen=True)
class ClassCounts(ABC):
    """A rule with the samples per class, each > 0; None: those of the data, which only the loaders know."""

    counts: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.counts is not None:
            object.__setattr__(self, "counts", _checked(type(self).__name__, self.counts))

    def counted(self: Rule, owner: str, labels: np.ndarray, classes: int) -> Rule:
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
                f"{owner}: policy has {type(self).__name__} with {len(self.counts)} counts, but the data have "
                f"{classes} classes; expected one count per class, such as np.bincount(loader.dataset.labels)"
            )

    @abstractmethod
    def weigh(self, plan: MixPlan, labels: np.ndarray) -> None:
        """Write the rule's weights into a plan; labels are the class ids of all rows that partners are chosen from."""

    def _of(self, ids: np.ndarray) -> np.ndarray:
        """(n,) float64 counts of the classes of ids (n,)."""
        assert self.counts is not None  # a policy without them is refused
        return np.asarray(self.counts, dtype=np.float64)[ids]


def with_counts(owner: str, policy: MixPolicy | None, labels: np.ndarray, classes: int) -> MixPolicy | None:
    """The policy, if there is one, its rules with counts.

    Args:
        labels: (samples,) class ids in [0, classes) to train on.

    Raises:
        ValueError: a rule with counts of another number of classes.
    """
    if policy is None:
        return None
    remix, unimix = policy.remix, policy.unimix
    return replace(
        policy,
        remix=None if remix is None else remix.counted(owner, labels, classes),
        unimix=None if unimix is None else unimix.counted(owner, labels, classes),
    )


def _checked(owner: str, given: Sequence[int]) -> tuple[int, ...]:
    listed = members(given)
    if listed is None:
        raise TypeError(
            f"{owner}: counts={given!r}, expected the number of samples of every class, in order: [n_0, n_1, ...]"
        )
    counts = tuple(integer(owner, f"counts[{i}]", n, at_least=1) for i, n in enumerate(listed))
    if not counts:
        raise ValueError(f"{owner}: counts are empty; expected the number of samples of every class")
    return counts
