"""The plan of a packing: which samples go into which shard. Pure arithmetic, the same on every machine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup._seeding import Purpose, stream
from dali_mixup.pack.options import Options
from dali_mixup.sources import Source
from dali_mixup.sources.masks.pairs import ImagesWithMasks


@dataclass(frozen=True)
class Plan:
    """What is packed, and how.

    Attributes:
        options: see `Options`.
        fingerprint: of the data (`Source.fingerprint`).
        samples: number of samples.
        classes: the name of every label.
        classes_named: whether the data named them.
    """

    options: Options
    fingerprint: str
    samples: int
    classes: tuple[str, ...]
    classes_named: bool

    @classmethod
    def of(cls, source: Source, options: Options) -> Plan:
        """The plan for a source; ValueError for images with masks, which packing would lose."""
        if isinstance(source, ImagesWithMasks):
            raise ValueError("pack: images with masks cannot be packed; packed data have one label per image")
        return cls(options, source.fingerprint(), len(source), source.classes, source.classes_named)

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.samples // self.options.per_shard)

    def first(self, number: int) -> int:
        """Position in the order of the first sample of a shard, or of the end for `number` = `shards`."""
        return number * self.samples // self.shards

    def order(self) -> np.ndarray:
        """(samples,) int64, the rows of the source in the order of the shards: a permutation drawn from the seed, or
        for files the source's own order, since a folder has none."""
        if self.options.layout == "files":
            return np.arange(self.samples)
        return stream(Purpose.PACK, self.options.seed).permutation(self.samples)

    def settings(self) -> dict[str, Any]:
        """What must be equal in all runs that write to one folder: the options and the identity of the data."""
        return {
            **dataclasses.asdict(self.options),
            "fingerprint": self.fingerprint,
            "samples": self.samples,
        }

    def digest(self) -> str:
        """Hex digest (SHA-256) of the settings."""
        return hashlib.sha256(json.dumps(self.settings()).encode()).hexdigest()

    def dump(self) -> str:
        """The plan as JSON."""
        return json.dumps({**self.settings(), "classes": self.classes, "classes_named": self.classes_named})

    @classmethod
    def load(cls, text: str) -> Plan:
        """The plan that `dump` wrote.

        Raises:
            ValueError: it did not write this.
        """
        try:
            given = json.loads(text)
            options = Options(**{field.name: given[field.name] for field in dataclasses.fields(Options)})
            rest = (given["fingerprint"], given["samples"], tuple(given["classes"]), given["classes_named"])
        except (ValueError, KeyError, TypeError):
            raise ValueError("it is not a plan that this release of dali-mixup pack wrote") from None
        return cls(options, *rest)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The settings in which two plans differ, in words; "" if there are none."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(f"{name} was {before.get(name)!r}, is {now.get(name)!r}" for name in names)
