"""The common interface of all claims."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction

Arms = dict[str, dict[str, float]]
"""One seed's result: arm -> metric -> value."""


class Axes(NamedTuple):
    """What a curve shows: labels with units, such as ("epoch", "test error, %"); log: y is drawn on a logarithmic axis,
    as errors that fall steeply at first."""

    x: str
    y: str
    log: bool = False


class Curve(NamedTuple):
    """One arm's curve in one seed; x is the same in all seeds."""

    x: list[float]
    y: list[float]


Curves = dict[str, dict[str, Curve]]
"""One seed's curves: name of `Claim.curves` -> arm -> curve. About 20 to 60 points each."""


@dataclass(frozen=True)
class Measured:
    """What one seed gave. Every arm has the metrics of `Claim.metrics`, or those of them that apply to it."""

    arms: Arms
    curves: Curves = field(default_factory=dict)


class Claim(ABC):
    """A claim of a paper and the experiment that tries it. Subclasses are frozen dataclasses; fields are the settings.

    Attributes:
        name: its name on the command line, and of its module.
        source: the paper.
        statement: the claim, paraphrased.
        metrics: name -> unit or meaning, in the order of the plot's panels. A unit that begins with "%" is bounded by
            0 and 100.
        curves: name -> axes, in the order of the panels of the second plot.
        seeds: default number of seeds.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    statement: ClassVar[str]
    metrics: ClassVar[Mapping[str, str]]
    curves: ClassVar[Mapping[str, Axes]] = {}
    seeds: ClassVar[int] = 10

    @property
    @abstractmethod
    def directions(self) -> tuple[Direction, ...]:
        """The claims about the numbers, with margins set before the run; none if the experiment only shows a path."""

    @abstractmethod
    def measure(self, seed: int, digits: Digits) -> Measured:
        """Measure every arm with one seed; the same seed gives the same data, first weights and mixing."""
