"""The common interface of all claims."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction

Arms = dict[str, dict[str, float]]
"""One seed's result: arm -> metric -> value."""

Tick = Callable[[], None]
"""Called `Claim.ticks` times per seed, for the progress bar."""


class Claim(ABC):
    """A claim of a paper and the experiment that tries it. Subclasses are frozen dataclasses; fields are the settings.

    Attributes:
        name: its name on the command line.
        source: the paper.
        statement: the claim, paraphrased.
        metrics: name -> unit or meaning, in the order of the plot's panels.
        seeds: default number of seeds.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    statement: ClassVar[str]
    metrics: ClassVar[Mapping[str, str]]
    seeds: ClassVar[int]

    @property
    @abstractmethod
    def directions(self) -> tuple[Direction, ...]:
        """The claims about the numbers."""

    @property
    @abstractmethod
    def ticks(self) -> int:
        """Number of calls of `tick` in `measure`, >= 1."""

    @abstractmethod
    def measure(self, seed: int, digits: Digits, tick: Tick) -> Arms:
        """Measure every arm with one seed; the same seed gives the same data, first weights and mixing."""
