"""One numbered random stream for every decision, so that a batch can be drawn again from its address alone."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """The purpose of a stream. Streams of different purposes never share numbers, whatever the seed. Values are frozen:
    changing one changes every result drawn from it."""

    ORDER = 1
    PLAN = 2
    AUGMENT = 3
    RELABEL = 4
    REGIME = 5
    LATENT = 6
    NEIGHBOURS = 7
    UNLABELLED = 8
    OPERATION = 9
    SIZE = 10
    PACK = 11
    WINDOW = 12
    VIEW = 13
    EXTRA = 14


def stream(
    purpose: Purpose, seed: int, *, rank: int = 0, epoch: int = 0, step: int = 0
) -> np.random.RandomState:
    """The random stream of one (purpose, seed, rank, epoch, step).

    The bit generator is Philox4x64-10 (Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3"): key =
    (seed, purpose), counter = (0, step, epoch, rank), so two addresses differ by at least 2^64 draws and never overlap.
    The distributions are those of `RandomState`, which NumPy has frozen (NEP 19); `Generator`'s may change with NumPy.
    """
    bits = np.random.Philox(key=_words(seed, purpose), counter=_words(0, step, epoch, rank))
    return np.random.RandomState(bits)


def seed_of_view(seed: int, view: int) -> int:
    """The seed of a view's own draws: the loader's for the first, so that further views change nothing in it."""
    if view == 0:
        return seed
    low, high = stream(Purpose.VIEW, seed, step=view).randint(0, 2**31, 2, dtype=np.int64).tolist()
    return int(high << 31 | low)


def _words(*values: int) -> np.ndarray:
    return np.array([value & 0xFFFFFFFFFFFFFFFF for value in values], dtype=np.uint64)
