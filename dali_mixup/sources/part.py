"""Part i of n of some work, so that several machines can share it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dali_mixup._checks import integer


@dataclass(frozen=True)
class Part:
    """The share of one process among several.

    Args:
        index: in [0, of).
        of: number of processes, >= 1.

    Raises:
        TypeError, ValueError: numbers outside the above.
    """

    index: int = 0
    of: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", integer("part", "the number of parts", self.of, at_least=1))
        object.__setattr__(
            self, "index", integer("part", "index", self.index, at_least=0, at_most=self.of - 1)
        )

    @classmethod
    def parse(cls, text: str) -> Part:
        """The part that a text such as "0/4", the first of four, names; ValueError for others."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
        if found is None or int(found[1]) >= int(found[2]):
            raise ValueError(f"part {text!r}: expected i/n such as 0/4, the first of four parts")
        return cls(int(found[1]), int(found[2]))

    def numbers(self, shards: int) -> range:
        """Its shards when work is shared out shard by shard: every `of`-th."""
        return range(self.index, shards, self.of)

    def piece(self, samples: int) -> range:
        """Its samples when work is shared out sample by sample: a contiguous piece.

        Raises:
            ValueError: fewer samples than parts.
        """
        if self.of > samples:
            raise ValueError(f"part {self.index}/{self.of}: there are only {samples} samples")
        return range(samples * self.index // self.of, samples * (self.index + 1) // self.of)
