"""What every claim has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction

Arms = dict[str, dict[str, float]]
"""One seed's result: arm -> metric -> value."""

Tick = Callable[[], None]
"""Called `Claim.ticks` times a seed, for the progress bar."""


class Claim(ABC):
    """A claim of a paper and the experiment that tries it. Subclasses are frozen dataclasses; fields are the settings.

    Attributes:
        name: on the command line.
        source: the paper.
        statement: what it claims, in our words.
        metrics: name -> unit or meaning, in the order of the plot's panels.
        seeds: how many by default.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    statement: ClassVar[str]
    metrics: ClassVar[Mapping[str, str]]
    seeds: ClassVar[int]

    @property
    @abstractmethod
    def directions(self) -> tuple[Direction, ...]:
        """What is claimed about the numbers."""

    @property
    @abstractmethod
    def ticks(self) -> int:
        """How often `measure` calls tick, >= 1."""

    @abstractmethod
    def measure(self, seed: int, digits: Digits, tick: Tick) -> Arms:
        """Every arm with one seed; the same seed gives the same data, first weights and mixing."""
