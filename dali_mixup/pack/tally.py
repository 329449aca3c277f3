"""The result of packing, counted."""

from __future__ import annotations

from dataclasses import dataclass, field

from dali_mixup.sources.archives.pack_lines import Shard


@dataclass
class Tally:
    """What was packed.

    Attributes:
        shards: number of shards to pack.
        finished: how many of them are finished.
        samples: number of samples in these.
        bytes: of these.
        bad: (key, problem) of the samples that cannot be packed: left out, or the reason why a shard is not finished.
        complete: whether the folder is ready for the loaders.
    """

    shards: int
    finished: int = 0
    samples: int = 0
    bytes: int = 0
    bad: list[list[str]] = field(default_factory=list)
    complete: bool = False

    def add(self, shard: Shard) -> None:
        self.finished += 1
        self.samples += len(shard.keys)
        self.bytes += shard.bytes
        self.found_bad(shard.left_out)

    def found_bad(self, bad: list[list[str]]) -> None:
        self.bad = sorted([*self.bad, *bad])
