"""Samples that cannot be read or decoded: the known ones, their substitutes, and the limit.

Nothing here decodes anything (see `probe`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup._checks import integer
from dali_mixup._repr import printable

log = logging.getLogger("dali_mixup")


@dataclass(frozen=True)
class Skip:
    """Leaves out samples that cannot be read or decoded, instead of raising: the next good sample takes the place of a
    bad one, and everything else stays where it was.

    Args:
        at_most: number of different samples that may be left out before the loader raises after all, >= 0.

    Raises:
        TypeError, ValueError: at_most is not such a number.
    """

    at_most: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "at_most", integer("Skip", "at_most", self.at_most, at_least=0))


def as_rule(owner: str, given: Any) -> Skip | None:
    """The rule that `bad_files` describes: None for "raise"; TypeError or ValueError otherwise."""
    if isinstance(given, Skip):
        return given
    if isinstance(given, str) and given == "raise":
        return None
    raise ValueError(
        f"{owner}: bad_files={given!r}, expected 'raise' or Skip(at_most=...)"
        + (
            " such as bad_files=Skip()"
            if given is Skip or (isinstance(given, str) and given == "skip")
            else ""
        )
    )


@dataclass(frozen=True)
class BadFile:
    """One sample that cannot be used.

    Attributes:
        index: index of the sample in its source.
        name: the path of its file.
        reason: the error, as far as it is known.
    """

    index: int
    name: str
    reason: str


class BadFileError(RuntimeError):
    """Samples of a batch cannot be read or decoded. If DALI tried to, its own error is the `__cause__`.

    Attributes:
        files: the samples, as `BadFile`.
    """

    def __init__(self, message: str, files: Sequence[BadFile]):
        super().__init__(message)
        self.files = tuple(files)


class BadFiles:
    """The samples that a loader leaves out, and their substitutes.

    A bad sample is replaced by the next sample of the source that is not bad (after the last comes the first): a
    function of the set of bad samples alone, so a resumed run chooses the same ones, and in a folder mostly of the same
    class.

    Args:
        samples: number of samples of the source.
        rule: leave them out; None: any bad sample is an error.
        known: indices of samples found bad before, from a saved state; they are left out under any rule.

    Raises:
        ValueError: known indices outside [0, samples), or all of them.
    """

    def __init__(self, samples: int, rule: Skip | None, known: Iterable[int] = ()):
        self.samples, self.rule = samples, rule
        self.know(self.checked(known))

    @property
    def indices(self) -> list[int]:
        """The samples left out, in ascending order."""
        return self._table.tolist()

    def checked(self, known: Iterable[int], key: str = "skipped") -> list[int]:
        """Known indices in ascending order; ValueError, which gives the state's key, unless they are in [0, samples)
        and not all of them."""
        bad = sorted(set(known))
        if len(bad) >= self.samples or not all(0 <= index < self.samples for index in bad):
            raise ValueError(
                f"the state leaves out ({key}) {len(bad)} samples up to number {max(bad)}, but the data have "
                f"{self.samples}; expected numbers in [0, {self.samples}), and not all of them"
            )
        return bad

    def know(self, bad: Iterable[int]) -> None:
        """Leave out these samples, which were checked, and no others."""
        self._bad = set(bad)
        self._table = np.array(sorted(self._bad), dtype=np.int64)

    def replaced(self, indices: np.ndarray) -> np.ndarray:
        """`indices` with a good sample instead of every bad one; the same array if none is bad."""
        if not self._bad:
            return indices
        rows = np.flatnonzero(np.isin(indices, self._table))
        if rows.size:
            indices = indices.copy()
            indices[rows] = [self._stand_in(int(index)) for index in indices[rows]]
        return indices

    def meet(self, found: Sequence[BadFile]) -> None:
        """Record bad samples: they are left out from now on, and logged.

        Raises:
            BadFileError: without a rule, beyond its `at_most`, or if no good sample is left.
        """
        named = "; ".join(f"{printable(file.name)}: {printable(file.reason)}" for file in found[:10])
        more = f" and {len(found) - 10} more" if len(found) > 10 else ""
        if self.rule is None:
            raise BadFileError(
                f"{len(found)} of the batch's files cannot be read or decoded: {named}{more}. Repair or exclude them, "
                "or use bad_files=Skip() to train without them",
                found,
            )
        met = set(self._bad)
        bad = met | {file.index for file in found}
        if len(bad) > self.rule.at_most:
            raise BadFileError(
                f"{len(bad)} files cannot be read or decoded, more than bad_files={self.rule!r} allows; the last: "
                f"{named}{more}. Check the data, or raise at_most",
                found,
            )
        if len(bad) == self.samples:
            raise BadFileError(f"no sample is left: none can be read or decoded; the last: {named}", found)
        self.know(bad)
        for file in found:
            met.add(file.index)
            log.warning(
                "leaving out %s: %s (replaced by sample %d; %d of at most %d)",
                printable(file.name),
                printable(file.reason),
                self._stand_in(file.index),
                len(met),
                self.rule.at_most,
            )

    def _stand_in(self, index: int) -> int:
        while index in self._bad:
            index = (index + 1) % self.samples
        return index
