"""PartnerRule: what all rules have in common by which the rows of a batch choose their partners."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np


class PartnerRule(ABC):
    """A rule by which the rows of a batch choose their partners.

    Attributes:
        name: set for a rule that needs no data; such a rule may be given by its name.
        pairable: whether it can join the rows in pairs, each row the partner of the other.
        single: whether it gives only one partner per row, so that methods of more than two images cannot use it.
        by_label: whether it needs class ids, which must then be known before the images are decoded.
        by_value: whether it needs labels that are numbers or vectors, likewise.
    """

    name: ClassVar[str] = ""
    pairable: ClassVar[bool] = False
    single: ClassVar[bool] = False
    by_label: ClassVar[bool] = False
    by_value: ClassVar[bool] = False

    @property
    def beyond_batch(self) -> bool:
        """Whether partners may lie outside the batch: a loader reads and decodes them as well."""
        return False

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
            labels: (rows,) class ids, for rules with `by_label`; (rows,) or (rows, C) numbers, with `by_value`.
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
