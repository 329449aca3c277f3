"""The options that decide what packed data contain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dali_mixup._checks import address, choice, integer
from dali_mixup._graph.options import MAX_PIXELS

Layout = Literal["shards", "files"]
Subsampling = Literal["4:2:0", "4:2:2", "4:4:4"]


@dataclass(frozen=True)
class Options:
    """What is written. Equal options, data and versions of Pillow give equal bytes.

    Args:
        shorter_side: larger images are resized so that their shorter side has this many pixels, >= 1, and encoded as
            JPEG; all others keep their bytes. None: all keep their bytes.
        quality: of these JPEGs, 1 to 100.
        subsampling: of their colours: "4:2:0" (half in both directions, as in most photographs), "4:2:2", "4:4:4".
        layout: "shards": tar files of samples in random order; "files": a folder per class.
        per_shard: samples per shard, >= 1; the shards differ by at most one. A killed run repeats at most one shard per
            worker.
        seed: of the random order, from 0 to 2**64 - 1.
        max_pixels: height times width that an image may have, as for `Runtime(max_pixels=...)`.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    shorter_side: int | None = None
    quality: int = 90
    subsampling: Subsampling = "4:2:0"
    layout: Layout = "shards"
    per_shard: int = 2048
    seed: int = 0
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        checked = {
            "quality": integer("pack", "quality", self.quality, at_least=1, at_most=100),
            "per_shard": integer("pack", "per_shard", self.per_shard, at_least=1),
            "seed": address("pack", "seed", self.seed),
            "max_pixels": integer("pack", "max_pixels", self.max_pixels, at_least=1),
        }
        if self.shorter_side is not None:
            checked["shorter_side"] = integer("pack", "shorter_side", self.shorter_side, at_least=1)
        for name, number in checked.items():
            object.__setattr__(self, name, number)
        choice("pack", "subsampling", self.subsampling, ("4:2:0", "4:2:2", "4:4:4"))
        choice("pack", "layout", self.layout, ("shards", "files"))
