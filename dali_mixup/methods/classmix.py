"""ClassMix: half of the partner's classes, cut out along their contours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dali_mixup._checks import integer
from dali_mixup.methods.by_map import MapMethod

IDS = 256


@dataclass(frozen=True)
class ClassMix(MapMethod):
    """Half of the classes in the partner's map, rounded down, are pasted: all pixels of these, where they are.

    Olsson et al. 2021 (arXiv 2007.07936), algorithm 1, as in the authors' code (WilhelmT/ClassMix, `trainSSL.py`):
    every subset of that size is equally likely, and ignored pixels belong to no class. There each image pastes onto the
    next one of the batch, with a choice of its own: granularity="sample". A partner with one class pastes nothing, and
    leaves the row alone. For images with masks only.

    Args:
        ignore_index: in [0, 255], the value of pixels without a class, the same as of the masks.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    ignore_index: int = 255

    name: ClassVar[str] = "classmix"

    def __post_init__(self) -> None:
        ignored = integer("ClassMix", "ignore_index", self.ignore_index, at_least=0, at_most=IDS - 1)
        object.__setattr__(self, "ignore_index", ignored)

    def decide(self, rng: np.random.RandomState, n: int) -> np.ndarray:
        """(n, 256) a random order of all class ids: the first half of those that are present is pasted."""
        return rng.random_sample((n, IDS))

    def masks(self, decided: np.ndarray, maps: np.ndarray) -> np.ndarray:
        made = np.empty(maps.shape, np.uint8)
        for mask, order, ids in zip(made, decided, maps, strict=True):
            present = np.bincount(ids.ravel(), minlength=IDS) > 0
            present[self.ignore_index] = False
            known = np.flatnonzero(present)
            own = np.ones(IDS, np.uint8)
            own[known[np.argsort(order[known])[: len(known) // 2]]] = 0
            np.take(own, ids, out=mask)
        return made
